"""Loopback goes past every proxy; a user's own settings stay."""

from __future__ import annotations

import urllib.request

import pytest

from flows.surroundings import is_loopback, set_surroundings

PROXY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "PREFECT_API_URL"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)


@pytest.mark.parametrize("known", ["", "example.org", "example.org, 10.0.0.0/8,localhost"])
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_this_machine_is_never_behind_a_proxy(monkeypatch: pytest.MonkeyPatch, variable: str, known: str) -> None:
    import httpx

    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(variable, known)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.7:4200/api")
    set_surroundings()
    for host in ("127.0.0.1:4200", "localhost:4200", "127.0.0.7:4200"):
        assert urllib.request.proxy_bypass(host), host
    assert not urllib.request.proxy_bypass("elsewhere.org:80")
    assert urllib.request.proxy_bypass("example.org") == ("example.org" in known)
    client = httpx.Client()
    for url in ("http://127.0.0.1:4200", "http://localhost:1", "http://[::1]:4200", "http://127.0.0.7"):
        assert client._transport_for_url(httpx.URL(url)) is client._transport, url
    assert client._transport_for_url(httpx.URL("http://elsewhere.org")) is not client._transport
    client.close()


def test_no_proxy_for_anything_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    set_surroundings()
    assert urllib.request.getproxies()["no"] == "*"


def test_a_proxy_that_prefect_s_client_cannot_use_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    monkeypatch.setenv("all_proxy", "socks5h://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    with pytest.raises((ImportError, ValueError)):
        httpx.Client()
    set_surroundings()
    httpx.Client().close()
    assert urllib.request.getproxies()["http"] == PROXY


def test_settings_of_the_user_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "DEBUG")
    set_surroundings()
    import os

    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "DEBUG"


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.3.4.5", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), (None, False)],
)
def test_loopback_is_known(host: str | None, here: bool) -> None:
    assert is_loopback(host) is here
    assert not is_loopback("localhost.example.org")
