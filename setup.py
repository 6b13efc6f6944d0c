"""Names the packages; everything else is in pyproject.toml. Folders of the top level become `lit_pretrain.<folder>`."""

from setuptools import find_packages, setup

OUTER = ("datamodules", "callbacks", "conf")

packages = find_packages(include=["lit_pretrain", "lit_pretrain.*"])
packages += [f"lit_pretrain.{name}" for top in OUTER for name in (top, *(f"{top}.{p}" for p in find_packages(top)))]

setup(packages=packages, package_data={"lit_pretrain.conf": ["**/*.yaml"]})
