"""Helpers of the Cold Zoom Diffusion study: thin modules that its notebooks exercise, one idea a file.

Data flows one way: data -> process -> training -> run records -> figures and metrics -> report.
"""
