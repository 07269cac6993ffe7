"""Fitting by gradient descent: epochs, averages, devices, what a killed training goes on from."""
