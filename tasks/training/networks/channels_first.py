"""The same network with its channels in front of height and width, which is how OpenVINO computes."""

from __future__ import annotations

from typing import Any

import keras


def channels_first(network: keras.Model) -> keras.Model:
    """Return what computes the same from the same images (n, h, w, c), with all maps in between as (n, c, h, w).

    Keras' OpenVINO backend surrounds each layer of a network that has its channels last with transpositions. For the
    recipe `default` they took 60 % of the time. Layers without weights must be those that the zoo has. Pixels are
    scaled before they are turned, so that OpenVINO joins the turn with what it does for the first convolution anyway.
    """
    images = keras.Input(network.input.shape[1:], name=network.input.name)
    values = images
    config = network.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Rescaling" and network.get_layer(layer["name"]).input is network.input:
            values = keras.layers.Rescaling.from_config(layer["config"])(values)
            layer["config"] |= {"scale": 1.0, "offset": 0.0}
        layer.pop("build_config", None)  # its shapes are those of the other order
        if _has_maps(network.get_layer(layer["name"])):
            _turn(layer["class_name"], layer["config"])
        elif layer["class_name"] == "Dot":  # of rows that were maps, with themselves
            layer["config"]["axes"] = 2
    turned = keras.Model.from_config(config)
    pairs = zip(turned.weights, network.get_weights(), strict=True)
    turned.set_weights([value.reshape(weight.shape) for weight, value in pairs])  # slopes (1, 1, c) become (c, 1, 1)
    return keras.Model(images, turned(keras.layers.Permute((3, 1, 2))(values)))


def _has_maps(layer: keras.layers.Layer) -> bool:
    """Whether the layer takes or gives maps, as opposed to features (n, channels)."""
    taken = layer.input if isinstance(layer.input, list) else [layer.input]
    return any(len(values.shape) == 4 for values in [*taken, layer.output])


def _turn(kind: str, config: dict[str, Any]) -> None:
    """Change the configuration of a layer that has maps."""
    if "data_format" in config:
        config["data_format"] = "channels_first"
    if kind == "InputLayer":
        batch, height, width, channels = config["batch_shape"]
        config["batch_shape"] = (batch, channels, height, width)
    elif kind in ("BatchNormalization", "Concatenate"):
        config["axis"] = 1
    elif kind == "PReLU":
        config["shared_axes"] = [2, 3]
    elif kind == "Reshape":  # of maps, to rows of channels
        config["target_shape"] = config["target_shape"][::-1]
    elif kind == "Rescaling":
        for name in ("scale", "offset"):
            if isinstance(config[name], (list, tuple)):  # one for each channel
                config[name] = [[[value]] for value in config[name]]
