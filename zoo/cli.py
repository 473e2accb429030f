"""The `zoo` command: what every system shares; each adds its own commands (`zoo/SYSTEM/commands.py`),
and so do `zoo.reproduce` and `zoo.serve`.

Data goes to stdout, progress and logs to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage,
3 members passed over (`--strict`), 130 interrupted. Errors are one line with a remedy; `--debug` shows the traceback.
Whatever is heavy is imported inside the command that needs it, so that `zoo --help`, `list` and `info` start at once.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from zoo import SYSTEMS
from zoo.crust import commands as crust
from zoo.errors import PartError, UsageError, ZooError, did_you_mean
from zoo.fwi import commands as fwi
from zoo.interrupts import noted
from zoo.microseismic import commands as microseismic
from zoo.own import own_folders
from zoo.quiet import quiet
from zoo.reproduce import commands as reproduce
from zoo.seismicity import commands as seismicity
from zoo.seismograms import commands as seismograms
from zoo.serve import commands as serve
from zoo.terminal import (
    Commands,
    Parser,
    add_cluster,
    positive,
    print_entry,
    print_json,
    print_paragraph,
    print_table,
    settings_of,
    width,
)

SYSTEM_COMMANDS = (microseismic, crust, fwi, seismograms, seismicity)

_EXAMPLES = (
    """\
examples:
  zoo list                                   which pretrained models there are
  zoo list --for crust                       ... that answer a question about the crust
  zoo info cvae_emulator                     what one does, its units, scores and settings
  zoo datasets                               which datasets there are
  zoo prepare microseismic/marine_small      download or simulate a dataset
  zoo prepare stead/mini --manual-dir STEAD  ... or read an archive's own files
  zoo verify microseismic/marine_small       compare every byte of it with its manifest
  zoo train cvae_emulator --seed 1           train a recipe on its dataset
  zoo evaluate cvae_emulator --json          score a model on its test split
  zoo export phase_picker --out p.tflite     write a model for programs without the zoo
  zoo new recipe my_recipe                   write one of your own to start from, with its data and its test
  zoo check .                                hold your own recipes, datasets and models to what is asked of them
"""
    + "".join(system.EXAMPLES for system in SYSTEM_COMMANDS)
    + """\
  zoo reproduce                              which experiments of the papers can be repeated
  zoo reproduce all --only-report            how the results so far answer the papers: docs/reproduction/index.html
"""
)


def _list(args: argparse.Namespace) -> None:
    from zoo import listing, registry

    names = registry.list_models(args.pattern, getattr(args, "for"))
    known = registry.cards()
    untrained = [] if getattr(args, "for") else _untrained(args.pattern, known)
    if not names and not untrained:
        everything = [*known, *registry.list_recipes()]
        questions = {card.get("answers") or "" for card in known.values()} - {""}
        asked = getattr(args, "for")
        if asked and not registry.list_models(answering=asked):
            raise ZooError(f"No model answers {asked!r}.{did_you_mean(asked, {*questions, *SYSTEMS})}")
        raise ZooError(f"No model matches {args.pattern!r}.{did_you_mean(args.pattern.strip('*'), everything)}")
    cards = [known[name] for name in names]
    lost = len(registry.folders()) - len(known)
    rows = listing.models(dict(zip(names, cards, strict=True)))
    if args.json:
        keys = ("name", "summary", "answers", "dataset", "default")
        more = ("score", "scored_on", "size", "learned_from")
        models = [
            {"kind": "model", **{key: card.get(key) for key in keys}, **{key: row[key] for key in more}}
            for card, row in zip(cards, rows, strict=True)
        ]
        print_json([*models, *({"kind": "recipe", "name": name, "summary": says} for name, says in untrained)])
        _check_strict(args, lost)
        return
    if width():
        listing.print_models(rows)
        for name, says in untrained:
            print_paragraph(f"{name}: a recipe without a model yet (zoo train {name}). {says}")
    else:
        keys = ("name", "default", "answers", "score", "scored_on", "size", "learned_from", "summary")
        table = [[row[key] for key in keys] for row in rows]
        table += [[name, "recipe", *[""] * 5, f"{says} (no model yet: zoo train {name})"] for name, says in untrained]
        print_table(keys, table)
    _check_strict(args, lost)


def _untrained(pattern: str, known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and summary of the recipes of which no model is at hand."""
    from zoo import registry

    trained = {name.split(".")[0] for name in known} | {card.get("recipe") for card in known.values()}
    names = [name for name in registry.list_recipes() if name not in trained and fnmatch.fnmatch(name, pattern)]
    return [(name, (registry.recipe_about(name).splitlines() or [""])[0]) for name in names]


def _check_strict(args: argparse.Namespace, lost: int) -> None:
    if lost and args.strict:
        raise PartError(f"{lost} checkpoints cannot be read and were left out (--strict). Restore or remove them.")


def _info(args: argparse.Namespace) -> None:
    from zoo import registry
    from zoo.settings import schema, table

    own = _own_settings(args.name)
    if args.schema:
        print_json(schema(args.name, own["settings"]) if own else registry.settings_schema(args.name))
        return
    if own:
        own["settings_table"] = table(own.pop("settings"))
    info = own or registry.info(args.name)
    if args.json:
        print_json(info)
        return
    for key in (
        "kind",
        "name",
        "summary",
        "paper",
        "answers",
        "inputs",
        "outputs",
        "dataset",
        "configs",
        "prepared",
        "sha256",
        "revision",
        "supersedes",
    ):
        if info.get(key):
            print_entry(key, info[key])
    for split, score in (info.get("scores") or {}).items():
        if width():
            print_entry(split, ", ".join(f"{metric} {value:.4g}" for metric, value in score["metrics"].items()))
            print_entry("", f"by {score.get('command', '')}")
            continue
        for metric, value in score["metrics"].items():
            print_entry(f"{split} {metric}", value)
        print_entry(f"{split} by", score.get("command", ""))
    for key in ("command", "seed", "cost", "device", "licence", "citation", "about"):
        if info.get(key) not in (None, ""):
            print_entry(key, info[key])
    if info.get("settings_table"):
        print()
        header = ("setting", "default", "unit", "takes", "meaning", "source")
        if not width():
            print_table(header, [[row[key] for key in header] for row in info["settings_table"]])
            return
        print("what can be set, by --set KEY=VALUE:")
        for row in info["settings_table"]:
            print_paragraph(f"{row['setting']}={row['default']}", "  ")
            print_paragraph(f"{row['meaning']}. Takes {row['takes']}. Source: {row['source']}", "      ")


def _own_settings(name: str) -> dict[str, Any]:
    """Return what a command or an experiment says of itself and its settings; nothing for other names."""
    from zoo import reproduce

    for system in SYSTEM_COMMANDS:
        if name in getattr(system, "SETTINGS", {}):
            return {"kind": "command", "name": f"zoo {name} --set", "settings": system.SETTINGS[name]}
    if made := reproduce.experiments().get(name):
        about = {"summary": made.title, "paper": made.paper, "cost": made.cost, "command": f"zoo reproduce {name}"}
        return {"kind": "experiment", "name": name, **about, "settings": made.settings}
    return {}


def _datasets(args: argparse.Namespace) -> None:
    from zoo import listing
    from zoo.data.datasets import data_folder

    rows = listing.datasets(args.data_dir)
    if args.json:
        by_name: dict[str, Any] = {}
        for row in rows:
            name, _, config = row["name"].partition("/")
            held = by_name.setdefault(name, {"name": name, "configs": [], "prepared": {}, "about": {}})
            held["configs"] += [config] if config else []
            held["prepared"] |= {row["name"]: row["prepared"]} if row["prepared"] else {}
            held["about"][row["name"]] = {key: row[key] for key in ("kind", "size", "source", "licence")}
        print_json([*by_name.values()])
        return
    keys = ("name", "kind", "size", "source", "licence")
    if width():
        listing.print_datasets(rows, str(data_folder(args.data_dir)))
        return
    table = [[row["name"], row["prepared"] or "not prepared", *(row[key] for key in keys[1:])] for row in rows]
    print_table(("name", "where", *keys[1:]), table)


def _prepare(args: argparse.Namespace) -> None:
    from zoo.data import datasets

    folder = datasets.prepare(
        args.name, args.data_dir, args.manual_dir, args.limit, settings_of(args.set), args.workers, args.beam,
        args.cluster,
    )  # fmt: skip
    print_json({"dataset": args.name, "folder": str(folder)}) if args.json else print(folder)


def _verify(args: argparse.Namespace) -> None:
    from zoo import registry
    from zoo.data import builders, datasets

    if args.name.split("/")[0] in builders.list_datasets():
        folder, wrong = datasets.verify(args.name, args.data_dir)
    else:
        folder, wrong = registry.verify(args.name)
    if args.json:
        print_json({"name": args.name, "folder": str(folder), "wrong": wrong})
    elif not wrong:
        print(f"{folder}: all is as it was written")
    if wrong:
        found = "; ".join(f"{file} {why}" for file, why in wrong.items())
        remedy = "zoo prepare mends it" if "/" in args.name else "restore it or train again"
        raise ZooError(f"{folder} is damaged: {found}. {remedy}.")


def _train(args: argparse.Namespace) -> None:
    if args.devices:
        from zoo.training import launch

        if count := launch.wanted(args.devices):
            if code := launch.run(count, _train_arguments(args, count)):
                raise SystemExit(code)
            return
    from zoo.training import trainer

    folder = trainer.recipe(args.recipe).train(
        settings=settings_of(args.set),
        epochs=args.epochs,
        seed=args.seed,
        out=args.out,
        data_dir=args.data_dir,
        smoke=args.smoke,
        start_from=getattr(args, "from"),
        memory_gb=args.memory_gb,
        devices="all" if args.devices else "",
    )
    print_json({"recipe": args.recipe, "folder": str(folder)}) if args.json else print(folder)


def _train_arguments(args: argparse.Namespace, count: int) -> list[str]:
    """Return the command line of one of so many processes that train together."""
    from zoo.training.memory import budget_bytes

    budget_gb = args.memory_gb or budget_bytes(None) / 1e9
    given = {"--epochs": args.epochs, "--seed": args.seed, "--out": args.out, "--from": getattr(args, "from")}
    given |= {"--data-dir": args.data_dir, "--memory-gb": budget_gb / count}
    command = ["train", args.recipe, "--devices", "all"]
    command += [part for key, value in given.items() if value is not None for part in (key, str(value))]
    command += [part for text in args.set or () for part in ("--set", text)]
    return command + [flag for flag, said in (("--smoke", args.smoke), ("--json", args.json)) if said]


def _evaluate(args: argparse.Namespace) -> None:
    from zoo.training import trainer

    scores = trainer.evaluate(args.name, args.split, args.data_dir, args.dataset)
    if args.json:
        print_json(scores)
        return
    for metric, value in scores.items():
        print_entry(metric, f"{value:.5g}")


def _export(args: argparse.Namespace) -> None:
    from zoo import registry, serving
    from zoo.data import builders

    if args.name.split("/")[0] in builders.list_datasets():
        seismograms.export_dataset(args)
        return
    if args.split:
        raise UsageError(f"--split is of datasets, and {args.name} is none.")
    out = serving.export(registry.load(args.name), args.out)
    print_json({"model": args.name, "out": str(out)}) if args.json else print(out)


def _new(args: argparse.Namespace) -> None:
    from pathlib import Path

    from zoo import new

    folder = Path(args.out)
    files = new.write(args.kind, args.name, folder, args.dataset)
    if args.json:
        print_json({"files": [str(file) for file in files]})
        return
    print("".join(f"# {file}\n" for file in files) + new.next_steps(args.kind, args.name, folder, args.dataset))


def _check(args: argparse.Namespace) -> None:
    from zoo import contracts

    found = contracts.check(args.folder, args.data_dir)
    if args.json:
        print_json(found)
    else:
        for what, wrong in found.items():
            print_entry(what, wrong or "keeps its contract")
    if bad := [what for what, wrong in found.items() if wrong]:
        raise ZooError(f"{len(bad)} of {len(found)} do not keep their contract: {', '.join(bad)}.")


def _completion(args: argparse.Namespace) -> None:
    try:
        import shtab
    except ImportError:
        raise ZooError('Completion needs shtab: pip install "seismic-zoo[completion]"') from None
    print(shtab.complete(command_parser(), args.shell))


def _where(args: argparse.Namespace) -> None:
    from zoo import registry
    from zoo.data import datasets
    from zoo.files import cache_folder, room

    folders: dict[str, Any] = {
        "package": str(room("recipes").parent),
        "recipes": [str(folder) for folder in (*own_folders("recipes"), room("recipes"))],
        "builders": [str(folder) for folder in (*own_folders("datasets"), room("datasets"))],
        "checkpoints": [str(folder) for folder in registry.checkpoint_folders()],
        "datasets": str(datasets.data_folder(args.data_dir)),
        "cache": str(cache_folder()),
    }
    if args.json:
        print_json(folders)
        return
    for key, value in folders.items():
        print_entry(key, value)


def _demo(args: argparse.Namespace) -> None:
    from zoo import demo

    demo.run(args.out)


def command_parser(kind: type[Parser] = Parser) -> Parser:
    """Return the parser of every command, of a class that says what an error does."""
    from zoo import __version__

    parser = kind(
        prog="zoo",
        description="A model zoo for seismology and exploration geophysics.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seismic-zoo {__version__}")
    commands = Commands(parser, kind)

    listing = commands.add(
        "list", _list, "list pretrained models", examples=("zoo list --for crust", "zoo list '*emulator*' --json")
    )
    listing.add_argument("pattern", nargs="?", default="*", help="a wildcard like '*emulator*'")
    listing.add_argument("--for", default="", metavar="QUESTION", help="crust, crust.thickness, seismograms.picks ...")
    listing.add_argument("--strict", action="store_true", help="exit status 3 if one cannot be read")
    info = commands.add(
        "info",
        _info,
        "say what a model, dataset, recipe, experiment or command is, and what can be set",
        examples=("zoo info phase_picker", "zoo info microseismic", "zoo info fwi --schema"),
    )
    info.add_argument("name")
    info.add_argument("--schema", action="store_true", help="print the JSON schema of its settings")
    commands.add(
        "datasets",
        _datasets,
        "list datasets: kind, size, source, licence, prepared or not",
        data=True,
        examples=("zoo datasets", "zoo datasets --data-dir /data/zoo --json"),
    )
    prepare = commands.add(
        "prepare",
        _prepare,
        "download or generate a dataset",
        data=True,
        settings=True,
        resumes=True,
        examples=(
            "zoo prepare microseismic/marine_small",
            "zoo prepare stead/mini --manual-dir STEAD",
            "zoo prepare prem_dispersion/mine --set models=1000 test_models=100",
        ),
    )
    prepare.add_argument("name", metavar="NAME[/CONFIG]")
    prepare.add_argument("--manual-dir", metavar="DIR", help="folder with files already at hand")
    prepare.add_argument("--limit", type=positive, metavar="N", help="at most N examples a split")
    prepare.add_argument("--workers", type=positive, metavar="N", help="threads, default one for each core")
    prepare.add_argument("--beam", metavar="OPTIONS", help='generate by Apache Beam instead: "--runner=... --..."')
    add_cluster(prepare)
    verify = commands.add(
        "verify",
        _verify,
        "compare every byte of a dataset or a model with its manifest",
        data=True,
        examples=("zoo verify microseismic/marine_small", "zoo verify cvae_emulator"),
    )
    verify.add_argument("name", metavar="NAME", help="NAME/CONFIG of a dataset, a model or the folder of one")
    train = commands.add(
        "train",
        _train,
        "train a recipe (goes on with an interrupted run)",
        data=True,
        settings=True,
        resumes=True,
        examples=(
            "zoo train cvae_emulator --smoke              # a run of seconds",
            "zoo train mdn_crust --set epochs=20 --seed 1 --out runs/mdn",
        ),
    )
    train.add_argument("recipe", metavar="RECIPE[.TAG]")
    train.add_argument("--epochs", type=positive, metavar="N", help="at most N epochs")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    train.add_argument("--out", metavar="DIR", help="checkpoint folder, default runs/NAME")
    train.add_argument(
        "--from", metavar="CHECKPOINT", help="begin with its weights; --set frozen=encoder keeps a part as it is"
    )
    train.add_argument("--smoke", action="store_true", help="a run of seconds, to see that all works")
    train.add_argument(
        "--memory-gb",
        type=float,
        metavar="G",
        help="read a split that exceeds it from disk, batch by batch; default a third of the machine's memory",
    )
    train.add_argument(
        "--devices",
        metavar="all|N",
        help="train on several: all GPUs, or the processes that TF_CONFIG or SLURM name; N processes here",
    )
    evaluate = commands.add(
        "evaluate",
        _evaluate,
        "score a model on a split of its dataset",
        data=True,
        examples=("zoo evaluate cvae_emulator --json", "zoo evaluate phase_picker --dataset stead/sample --split all"),
    )
    evaluate.add_argument("name", metavar="MODEL", help="a name or a checkpoint folder")
    evaluate.add_argument("--split", default="test", help="train, validation or test (default)")
    evaluate.add_argument("--dataset", metavar="NAME/CONFIG", help="another dataset than the model's own")
    export = commands.add(
        "export",
        _export,
        "write a model or a dataset of waveforms for other programs",
        data=True,
        examples=("zoo export phase_picker --out p.tflite", "zoo export stead/mini --out seisbench --split train"),
    )
    export.add_argument("name", metavar="NAME", help="a model or the folder of one, or NAME/CONFIG of a dataset")
    says = "of a model: folder of a SavedModel, or FILE.tflite; of a dataset: a new folder, in SeisBench's form"
    export.add_argument("--out", required=True, metavar="OUT", help=says)
    export.add_argument("--split", nargs="+", metavar="SPLIT", help="of a dataset: train, validation, test or parts")
    new = commands.add(
        "new",
        _new,
        "write a recipe or dataset of your own to start from, with its test",
        examples=("zoo new recipe my_recipe --out mine", "zoo new dataset my_data --out mine"),
    )
    new.add_argument("kind", choices=("recipe", "dataset"))
    new.add_argument("name", metavar="NAME", help="small letters, digits and _")
    new.add_argument("--out", default=".", metavar="DIR", help="folder of your own, default this one")
    new.add_argument("--dataset", metavar="NAME/CONFIG", help="of a recipe; default: an example of its own")
    check = commands.add(
        "check",
        _check,
        "hold recipes, datasets and checkpoints to what is asked of them",
        data=True,
        examples=("zoo check mine",),
    )
    check.add_argument("folder", metavar="FOLDER", help="with recipes, datasets, checkpoints; or one of them")
    for system in SYSTEM_COMMANDS:
        system.add(commands)
    reproduce.add(commands)
    commands.add(
        "where", _where, "say where models, datasets and downloads are", data=True, examples=("zoo where --json",)
    )
    completion = commands.add(
        "completion",
        _completion,
        'print what completes commands: eval "$(zoo completion bash)"',
        examples=("zoo completion bash", "zoo completion zsh"),
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    demo = commands.add("demo", _demo, "show in minutes what the zoo does", examples=("zoo demo --out demo",))
    demo.add_argument("--out", default="demo", metavar="DIR", help="folder for the figures")
    serve.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads double the CPU time of a busy machine
    _open_streams()
    with noted() as interrupted:
        return _run(argv, interrupted)


def _open_streams() -> None:
    """Let what is said go nowhere where whoever started the command has closed stdout or stderr (`>&-`)."""
    for name in ("stdout", "stderr"):
        if (
            getattr(sys, name) is None
        ):  # the free number is taken: no file that is opened later is written to by mistake
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _run(argv: Sequence[str] | None, interrupted: threading.Event) -> int:
    parser = command_parser()
    args = parser.parse_args(argv)
    if not args.command:
        parser.print_help()
        return 2
    if not args.debug:
        quiet()
    try:
        args.function(args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, Exception) as error:
        if args.debug:
            raise
        if isinstance(error, KeyboardInterrupt) or interrupted.is_set():  # libraries make errors of their own of it
            goes_on = "goes on from here" if args.resumes else "begins anew"
            print(f"zoo: interrupted; the same command {goes_on}.", file=sys.stderr)
            return 130
        print("zoo: " + " ".join(_words(error).split()), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 3 if isinstance(error, PartError) else 1
    return 0


_TIGHT = {
    "Too many open files": "More files are needed at once than may be open: allow more (ulimit -n 4096)",
    "No space left on device": "Free some space or choose another folder",
    "Disk quota exceeded": "Free some space or choose another folder",
    "File too large": "A limit (ulimit -f) or the file system allows no file of that size: choose another folder",
}
"""What the system says through whichever library -> what can be done."""


def _words(error: BaseException) -> str:
    """Return what an error says, with what can be done about it."""
    text = str(error)
    if isinstance(error, ZooError):
        return text
    if found := next((said for said in _TIGHT if said in text), None):
        return f"{text.removesuffix('.')}. {_TIGHT[found]}, then run the same command again."
    return f"{type(error).__name__}: {text} (--debug shows where)"


if __name__ == "__main__":
    sys.exit(main())
