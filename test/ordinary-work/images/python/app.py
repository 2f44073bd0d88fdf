# SPDX-License-Identifier: MIT
import os
import flask

print("flask", flask.__version__.split(".")[0], "as", os.getuid(), "in", os.getcwd(), sorted(os.listdir(".")))
