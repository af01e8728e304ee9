#!/usr/bin/env python3
"""Runs the application: python3 manage.py runserver --noreload 127.0.0.1:8000"""

import sys

sys.dont_write_bytecode = True

from django.core.management import execute_from_command_line  # noqa: E402

import app  # noqa: E402, F401  (configures Django)

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
