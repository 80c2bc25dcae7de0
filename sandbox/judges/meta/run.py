"""Runs the judges; the last line counts them as scripts/test reads it."""

import sys
import unittest

suite = unittest.defaultTestLoader.discover(".", "test_*.py")
result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed} passed, {failed} failed")
sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
