"""Experiments of the papers, repeated: `zoo reproduce NAME`, and all of them with a report, `zoo reproduce all`.

`one` runs a single experiment, `all` what is not there yet, `report` says how the results answer the papers, and `page`
makes a page of that.
"""

from zoo.reproduce.all import default_folder, results, run_all
from zoo.reproduce.one import experiments, run
from zoo.reproduce.report import report

__all__ = ["default_folder", "experiments", "report", "results", "run", "run_all"]
