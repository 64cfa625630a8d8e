"""Fetch pinned upstream source trees from Debian's source packages into a build folder.

    fetch_source.py --into build/src micropython mbedtls

No host name is needed: the mirror is the one this machine's own apt uses, read with
`apt-get indextargets`, and asked for the sources of the release named in pins.json whatever
release the machine itself runs. A tree is accepted when apt has verified the archive's
signature *and* the upstream tarball has one of the SHA-256 sums in pins.json; the Debian
revision does not matter, because Debian's own patches are not applied.

Where only a few files of a large tree are wanted, pins.json has their SHA-256 sums under "only"
instead, and any upstream version in which they are these will do.

A pin that names a `package` is for sources that mirrors have only as a binary package: that is
fetched, has one of the sums, and its `folder` is the tree.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

PINS = Path(__file__).with_name("pins.json")
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)


class FetchError(Exception):
    """A source could not be had; the message says what to do about it."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return its output; FetchError with its last words if it fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as missing:
        raise FetchError(f"the program {command[0]!r} is missing") from missing
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise FetchError(f"{command[0]} failed: " + "\n  ".join(words))
    return done.stdout


def run_online(*command: str | Path, cwd: Path | None = None) -> str:
    """run() of what asks a mirror, which may be in the middle of an update: up to three times."""
    for pause_s in (5, 20):
        try:
            return run(*command, cwd=cwd)
        except FetchError as error:
            print(f"fetch_source: {error}; once more in {pause_s} s", file=sys.stderr)
            time.sleep(pause_s)
    return run(*command, cwd=cwd)


def machine_codename() -> str:
    """This Debian's code name ("bookworm"), or "" where there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"')


def debian_mirrors() -> list[str]:
    """The URIs of the Debian archive this machine is set up with, without security updates."""
    wanted = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(LABEL)"
    listing = run("apt-get", "indextargets", "--format", wanted, "Created-By: Packages")
    codename = machine_codename()
    mirrors = []
    for line in listing.splitlines():
        uri, release, origin, label = line.split("|")[:4]
        # ORIGIN and LABEL are unknown until the first `apt-get update`, hence the code name.
        debian = (origin, label) == ("Debian", "Debian") or release == codename
        if debian and "security" not in release and uri not in mirrors:
            mirrors.append(uri)
    return mirrors


class Archive:
    """A private apt configuration that knows one Debian release: its sources ("deb-src") or its
    packages ("deb")."""

    def __init__(self, folder: Path, release: str, kind: str):
        mirrors = debian_mirrors()
        if not mirrors:
            raise FetchError("apt-get on this machine knows no Debian archive")
        keyring = next((path for path in KEYRINGS if path.exists()), None)
        signed_by = f" [signed-by={keyring}]" if keyring else ""
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.sources_list = folder / "sources.list"
        self.sources_list.write_text(
            "".join(f"{kind}{signed_by} {uri} {release} main\n" for uri in mirrors),
            encoding="utf-8",
        )
        self.options = [
            f"-oDir::Etc::SourceList={self.sources_list}",
            "-oDir::Etc::SourceParts=/dev/null",
            f"-oDir::State::Lists={folder / 'lists'}",
            f"-oDir::Cache={folder / 'cache'}",
            f"-oAPT::Sandbox::User={'root' if os.geteuid() == 0 else ''}",
        ]
        run_online("apt-get", *self.options, "--error-on=any", "update")

    def packages(self, package: str) -> list[str]:
        """Full Debian versions in which a binary package is offered."""
        listing = run("apt-cache", *self.options, "show", package)
        return [line.split()[1] for line in listing.splitlines() if line.startswith("Version:")]

    def download_package(self, package: str, full_version: str, folder: Path) -> Path:
        """Download a binary package and return its path."""
        wanted = f"{package}={full_version}"
        run_online("apt-get", *self.options, "-q", "download", wanted, cwd=folder)
        return next(folder.glob("*.deb"))

    def versions(self, package: str) -> dict[str, str]:
        """Upstream version -> full Debian version of every offered source of `package`."""
        listing = run("apt-cache", *self.options, "showsrc", "--only-source", package)
        fulls = [line.split()[1] for line in listing.splitlines() if line.startswith("Version:")]
        return {full.split(":")[-1].rsplit("-", 1)[0]: full for full in fulls}

    def download(self, package: str, full_version: str, folder: Path) -> Path:
        """Download the upstream tarball of one source package and return its path."""
        wanted = f"{package}={full_version}"
        command = ("--download-only", "--tar-only", "--only-source", "source", wanted)
        run_online("apt-get", *self.options, "-q", *command, cwd=folder)
        tarballs = [path for path in folder.glob("*.orig.tar.*") if path.suffix != ".asc"]
        if len(tarballs) != 1:
            raise FetchError(f"{wanted}: expected one upstream tarball, found {len(tarballs)}")
        return tarballs[0]


def unpack(tarball: Path, target: Path) -> None:
    """Replace `target` by the single top folder of `tarball`."""
    scratch = target.with_name(target.name + ".unpack")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    # -m: new files, so that make builds again what was built from an older tree
    run("tar", "-xf", tarball, "--strip-components=1", "--no-same-owner", "-m", "-C", scratch)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def unpack_package(package: Path, folder: str, target: Path) -> None:
    """Replace `target` by `folder` of a binary package."""
    scratch = target.with_name(target.name + ".unpack")
    shutil.rmtree(scratch, ignore_errors=True)
    run("dpkg-deb", "-x", package, scratch)
    shutil.rmtree(target, ignore_errors=True)
    (scratch / folder).rename(target)
    shutil.rmtree(scratch)
    for path in target.rglob("*"):  # new files, as in unpack()
        if path.is_file():
            path.touch()


def pinned_sums(pin: dict) -> dict[str, str]:
    """Version -> SHA-256 of what is accepted for one source."""
    return pin["packages"] if "package" in pin else pin["tarballs"]


def fetch(name: str, pin: dict, archive: Archive, into: Path) -> None:
    """Fetch, verify and unpack one pinned source into `into`/`name`."""
    pinned = pinned_sums(pin)
    package = pin.get("package")
    if package:
        offered = {version: version for version in archive.packages(package)}
    else:
        offered = archive.versions(name)
    version = next((version for version in pinned if version in offered), None)
    if version is None:
        raise FetchError(
            f"Debian offers {package or name} {', '.join(offered) or 'in no version'}, "
            f"pins.json accepts {', '.join(pinned)}. Add the new version's SHA-256 to pins.json "
            f"after checking it, or set {pin['override']} to a source tree of your own."
        )
    downloads = into / ".download" / name
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    if package:
        file = archive.download_package(package, version, downloads)
    else:
        file = archive.download(name, offered[version], downloads)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != pinned[version]:
        raise FetchError(f"{file.name} has SHA-256 {digest}, pinned is {pinned[version]}")
    if package:
        unpack_package(file, pin["folder"], into / name)
    else:
        unpack(file, into / name)
    (into / name / ".callboard-pin").write_text(digest + "\n", encoding="utf-8")
    shutil.rmtree(downloads)
    print(f"fetched {name} {version} into {into / name}")


def fetch_files(name: str, pin: dict, archive: Archive, into: Path) -> None:
    """Fetch the files under "only" of one pinned source package into `into`/`name`."""
    package = pin["source"]
    downloads = into / ".download" / name
    offered = archive.versions(package)
    for version in reversed(offered):  # the newest stands last
        shutil.rmtree(downloads, ignore_errors=True)
        (downloads / "tree").mkdir(parents=True)
        tarball = archive.download(package, offered[version], downloads)
        wanted = [f"*/{path}" for path in pin["only"]]
        options = ("--strip-components=1", "--no-same-owner", "-m", "--wildcards")
        run("tar", "-xf", tarball, *options, "-C", downloads / "tree", *wanted)
        if files_are(downloads / "tree", pin):
            shutil.rmtree(into / name, ignore_errors=True)
            (downloads / "tree").rename(into / name)
            shutil.rmtree(downloads)
            print(f"fetched {len(wanted)} files of {package} {version} into {into / name}")
            return
    raise FetchError(
        f"Debian offers {package} {', '.join(offered) or 'in no version'}, in which files that "
        f"pins.json names have changed: check them and change their SHA-256 there"
    )


def files_are(tree: Path, pin: dict) -> bool:
    """Whether every file under "only" lies in `tree` and is as pinned."""
    return all(
        (tree / path).exists() and hashlib.sha256((tree / path).read_bytes()).hexdigest() == digest
        for path, digest in pin["only"].items()
    )


def is_fetched(package: str, pin: dict, into: Path) -> bool:
    """Whether `into`/`package` holds a tree from one of the pinned tarballs."""
    if "only" in pin:
        return files_are(into / package, pin)
    marker = into / package / ".callboard-pin"
    if not marker.exists():
        return False
    return marker.read_text(encoding="utf-8").strip() in pinned_sums(pin).values()


def missing_sources(packages: list[str], pins: dict, into: Path) -> list[str]:
    """Those `packages` that are neither fetched yet nor overridden by an environment variable."""
    missing = []
    for package in packages:
        pin = pins["sources"][package]
        own = os.environ.get(pin["override"])
        if own:
            if not (Path(own) / pin["check"]).exists():
                raise FetchError(f"{pin['override']}={own} holds no {package} source tree")
        elif not is_fetched(package, pin, into):
            missing.append(package)
    return missing


def main() -> int:
    """Command line: fetch what is named and not there yet."""
    pins = json.loads(PINS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, required=True, help="folder for the source trees")
    parser.add_argument("package", nargs="+", choices=sorted(pins["sources"]))
    arguments = parser.parse_args()
    into = arguments.into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    with (into / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once must not share apt's lists
        packages = arguments.package
        try:
            missing = missing_sources(packages, pins, into)
            archives: dict[str, Archive] = {}
            for name in missing:
                pin = pins["sources"][name]
                kind = "deb" if "package" in pin else "deb-src"
                if kind not in archives:
                    folder = into / (".apt" if kind == "deb-src" else ".apt-deb")
                    archives[kind] = Archive(folder, pins["release"], kind)
                action = fetch_files if "only" in pin else fetch
                action(name, pin, archives[kind], into)
        except FetchError as error:
            names = ", ".join(f"{pins['sources'][name]['override']}=FOLDER" for name in packages)
            print(f"fetch_source: {error}\n  With sources of your own: {names}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
