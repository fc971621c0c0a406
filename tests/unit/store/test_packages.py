"""Model packages: what is accepted, what is refused, and that nothing half-written is ever seen."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.model import Golden, Manifest, ModelKind, Preprocess, dump_manifest
from edge.errors import AlreadyRunning, ModelError, StoreError, UsageError
from edge.service import FileLock
from edge.store.packages import (
    Package,
    find_package,
    import_package,
    list_packages,
    open_package,
    pack,
    write_package,
)

FILES = {"model.onnx": b"onnx" * 1000, "golden/a.png": b"picture", "CARD.md": b"# a card\n"}
MANIFEST = Manifest(
    format=1,
    name="biscuit",
    version=2,
    kind=ModelKind.ANOMALY,
    preprocess=Preprocess(width=64, height=64),
    files={"model.onnx": ""},
    golden=(Golden(file="golden/a.png", score=0.5),),
)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return write_package(tmp_path / "made", MANIFEST, FILES)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def zipped(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[arg-type]
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def content_of(package: Package) -> dict[str, bytes]:
    return {"manifest.json": (package.folder / "manifest.json").read_bytes(), **FILES}


def test_what_is_written_is_read_back_with_its_hashes(package: Package, tmp_path: Path) -> None:
    assert open_package(package.folder) == package
    assert package.manifest.files == {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert package.model_digest == package.manifest.files["model.onnx"]
    assert package.model_path.read_bytes() == FILES["model.onnx"]
    from_file = write_package(tmp_path / "again", MANIFEST, {**FILES, "model.onnx": package.model_path})
    assert from_file.digest == package.digest
    with pytest.raises(ModelError, match="is there already"):
        write_package(tmp_path / "again", MANIFEST, FILES)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["again", "made"]


def test_a_folder_and_its_zip_install_as_the_same_package(package: Package, models: Path, tmp_path: Path) -> None:
    archive = pack(package.folder, tmp_path / "biscuit.zip")
    installed = import_package(archive, models)
    assert installed.folder == models / "biscuit@2"
    assert installed.digest == package.digest
    assert import_package(package.folder, models) == installed  # the same again is fine
    assert find_package(models, "biscuit@2") == installed
    assert list_packages(models).packages == (installed,)
    assert stat.S_IMODE(installed.folder.stat().st_mode) == 0o755


def test_packing_is_deterministic(package: Package, tmp_path: Path) -> None:
    first = pack(package.folder, tmp_path / "one.zip").read_bytes()
    for path in package.folder.rglob("*"):
        os.utime(path, (1, 1))
    assert pack(package.folder, tmp_path / "two.zip").read_bytes() == first


def test_another_model_of_the_same_version_is_refused(package: Package, models: Path, tmp_path: Path) -> None:
    installed = import_package(package.folder, models)
    other = write_package(tmp_path / "other", MANIFEST, {**FILES, "CARD.md": b"another"})
    with pytest.raises(ModelError, match="another model biscuit@2"):
        import_package(other.folder, models)
    assert open_package(installed.folder) == installed


def test_what_is_not_there_is_said_with_what_is(package: Package, models: Path) -> None:
    with pytest.raises(ModelError, match="installed: none"):
        find_package(models, "biscuit@2")
    import_package(package.folder, models)
    with pytest.raises(ModelError, match="installed: biscuit@2"):
        find_package(models, "biscuit@3")
    with pytest.raises(UsageError):
        find_package(models, "../made")


def test_a_damaged_installed_package_is_listed_as_broken(package: Package, models: Path) -> None:
    installed = import_package(package.folder, models)
    installed.model_path.write_bytes(b"flipped")
    (models / "old").mkdir()
    listed = list_packages(models)
    assert listed.packages == ()
    assert [name for name, _ in listed.broken] == ["biscuit@2", "old"]
    assert "model.onnx is not the file" in listed.broken[0][1]


def damage_flip(folder: Path) -> None:
    (folder / "golden" / "a.png").write_bytes(b"picturE")


def damage_missing(folder: Path) -> None:
    (folder / "CARD.md").unlink()


def damage_extra(folder: Path) -> None:
    (folder / "golden" / "run.sh").write_bytes(b"#!")


def damage_link(folder: Path) -> None:
    (folder / "CARD.md").rename(folder.parent / "elsewhere")
    (folder / "CARD.md").symlink_to(folder.parent / "elsewhere")


def damage_folder_link(folder: Path) -> None:
    (folder / "golden").rename(folder.parent / "elsewhere")
    (folder / "golden").symlink_to(folder.parent / "elsewhere")


def damage_pipe(folder: Path) -> None:
    (folder / "CARD.md").unlink()
    os.mkfifo(folder / "CARD.md")


def damage_no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b'{"format": 1}')


@pytest.mark.parametrize(
    "damage",
    [
        damage_flip,
        damage_missing,
        damage_extra,
        damage_link,
        damage_folder_link,
        damage_pipe,
        damage_no_manifest,
        damage_manifest,
    ],
)
def test_a_folder_that_is_not_what_its_manifest_says_is_refused(package: Package, models: Path, damage) -> None:
    damage(package.folder)
    with pytest.raises(ModelError):
        open_package(package.folder)
    with pytest.raises(ModelError):
        import_package(package.folder, models)
    assert not models.exists() or list(models.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "a/../x", ".hidden", "a//b", "con\\x", "a/./b", "x\n", "a/" * 7 + "b"])
def test_names_that_leave_the_package_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError):
        write_package(tmp_path / "made", MANIFEST, {**FILES, name: b"x"})
    assert list(tmp_path.iterdir()) == []


def test_a_golden_part_must_be_among_the_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="golden part"):
        write_package(tmp_path / "made", MANIFEST, {"model.onnx": b"x"})


def test_a_version_that_cannot_be_referred_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="names no version"):
        write_package(tmp_path / "made", replace(MANIFEST, version=0), FILES)


@pytest.mark.parametrize("extra", ["../evil", "/etc/evil", "golden/../../evil", "golden/b.png", "MODEL.ONNX\\x"])
def test_a_zip_with_other_names_is_refused(package: Package, models: Path, tmp_path: Path, extra: str) -> None:
    archive = zipped(tmp_path / "bad.zip", {**content_of(package), extra: b"x"})
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(ModelError):
        import_package(archive, models)
    assert sorted(path for path in tmp_path.rglob("*") if models not in (path, path.parent)) == before


def test_a_zip_that_lacks_a_file_or_holds_another_is_refused(package: Package, models: Path, tmp_path: Path) -> None:
    content = content_of(package)
    lacking = zipped(tmp_path / "a.zip", {name: data for name, data in content.items() if name != "CARD.md"})
    changed = zipped(tmp_path / "b.zip", {**content, "CARD.md": b"# A card\n"})
    no_manifest = zipped(tmp_path / "c.zip", FILES)
    nested = zipped(tmp_path / "d.zip", {f"biscuit/{name}": data for name, data in content.items()})
    for archive in (lacking, changed, no_manifest, nested):
        with pytest.raises(ModelError):
            import_package(archive, models)
    assert list_packages(models).packages == ()
    assert not list(models.glob(".unfinished-*"))


def test_a_zip_bomb_is_refused_before_it_unpacks(package: Package, models: Path, tmp_path: Path) -> None:
    bomb = zipped(
        tmp_path / "bomb.zip",
        {**content_of(package), "golden/zeros": b"\0" * (64 << 20)},
        compression=zipfile.ZIP_DEFLATED,
    )
    with pytest.raises(ModelError, match="would unpack"):
        import_package(bomb, models)


def test_links_and_doubles_in_a_zip_are_refused(package: Package, models: Path, tmp_path: Path) -> None:
    linked, doubled = tmp_path / "link.zip", tmp_path / "double.zip"
    with zipfile.ZipFile(linked, "w") as archive:
        for name, data in content_of(package).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if name == "CARD.md" else stat.S_IFREG) | 0o777) << 16
            archive.writestr(info, data)
    with pytest.raises(ModelError, match="is a link"):
        import_package(linked, models)
    zipped(doubled, content_of(package))
    with zipfile.ZipFile(doubled, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("CARD.md", b"other")
    with pytest.raises(ModelError, match="in it twice"):
        import_package(doubled, models)


def test_a_zip_that_lists_too_much_is_refused_before_it_is_read(models: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "many.zip", {f"f{n}": b"" for n in range(11_100)})
    with pytest.raises(ModelError, match="too many files"):
        import_package(archive, models)


@pytest.mark.parametrize("cut", [0, 3, 100, 3000])
def test_what_is_no_sound_zip_is_refused(package: Package, models: Path, tmp_path: Path, cut: int) -> None:
    archive = tmp_path / "cut.zip"
    data = pack(package.folder, archive).read_bytes()
    archive.write_bytes(data[:cut])
    with pytest.raises(ModelError):
        import_package(archive, models)
    with pytest.raises(ModelError):
        import_package(tmp_path / "nowhere.zip", models)


def test_any_flipped_byte_of_a_zip_is_refused_or_harmless(package: Package, models: Path, tmp_path: Path) -> None:
    archive = tmp_path / "flip.zip"
    data = pack(package.folder, archive).read_bytes()
    step = max(1, len(data) // 150)
    for place in range(0, len(data), step):
        archive.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            installed = import_package(archive, models)
        except ModelError:
            continue
        assert installed.digest == package.digest  # the flip was in a field that says nothing


def test_what_a_killed_import_left_is_never_seen_and_goes_with_the_next(package: Package, models: Path) -> None:
    left = models / ".unfinished-abc"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    assert list_packages(models).packages == list_packages(models).broken == ()
    import_package(package.folder, models)
    assert not left.exists()


def test_two_imports_do_not_run_at_once(package: Package, models: Path) -> None:
    models.mkdir()
    lock = FileLock(models / ".lock")
    lock.acquire("a test")
    with pytest.raises(AlreadyRunning):
        import_package(package.folder, models)
    lock.release()


def test_a_place_that_cannot_be_written_is_a_store_error(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        import_package(package.folder, tmp_path / "file" / "models")
    with pytest.raises(StoreError):
        pack(package.folder, tmp_path / "nowhere" / "out.zip")


def test_a_manifest_of_an_unknown_field_is_refused(package: Package, tmp_path: Path, models: Path) -> None:
    data = dump_manifest(package.manifest).replace(b'"format"', b'"pickle":1,"format"', 1)
    buffer = io.BytesIO(data)
    archive = zipped(tmp_path / "odd.zip", {**FILES, "manifest.json": buffer.getvalue()})
    with pytest.raises(ModelError, match="pickle"):
        import_package(archive, models)
