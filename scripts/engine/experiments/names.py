"""The names in an experiment's code: what it imports, and what it uses of that."""

from __future__ import annotations

import ast


def dotted_names(tree: ast.Module, package: str = "") -> set[str]:
    """Return the dotted names of all that a module imports; ``from torch import fx`` gives ``torch.fx``.

    In a module of `package`, ``from . import x`` gives ``package.x``.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            names.update(".".join(filter(None, [*parts, node.module, alias.name])) for alias in node.names)
    return names


def used_names(tree: ast.Module) -> set[str]:
    """Return the dotted names a module uses of what it imports, its attributes of other things, and named arguments.

    ``from torch import nn; nn.Linear(1, 1, bias=False)(x).sum()`` uses ``torch.nn.Linear``, ``.sum`` and ``bias=``.
    """
    nodes = list(ast.walk(tree))  # breadth first: the whole of a chain comes before its parts
    stands_for: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                stands_for[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            stands_for |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    names: set[str] = set()
    inner: set[int] = set()  # parts of a chain already taken as a whole
    for node in nodes:
        if isinstance(node, ast.keyword) and node.arg:
            names.add(f"{node.arg}=")
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            chain: list[str] = []
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                chain.append(root.attr)
                root = root.value
                inner.add(id(root))
            if isinstance(root, ast.Name) and root.id in stands_for:
                names.add(".".join([stands_for[root.id], *reversed(chain)]))
            elif chain:
                names.update(f".{part}" for part in chain)
    return names
