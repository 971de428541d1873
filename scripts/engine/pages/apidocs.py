"""Where a library documents a function or class, by fixed rules: no library is imported, nobody is asked.

The rules follow how the documentation of each library is laid out. What they do not cover has no link.
"""

from __future__ import annotations

import re

_STARTS = {
    "torch": "https://docs.pytorch.org/docs/stable/",
    "Tensor": "https://docs.pytorch.org/docs/stable/",
    "torchvision": "https://docs.pytorch.org/vision/stable/",
    "sklearn": "https://scikit-learn.org/stable/modules/",
    "optuna": "https://optuna.readthedocs.io/en/stable/reference/",
}

# What the documentation calls otherwise than people do.
_CALLED = {
    "torch.nn.Parameter": "torch.nn.parameter.Parameter",
    "torch.nn.Flatten": "torch.nn.modules.flatten.Flatten",
    "torch.nn.Unflatten": "torch.nn.modules.flatten.Unflatten",
    "torch.relu": "torch.nn.functional.relu",
    "torch.log_softmax": "torch.nn.functional.log_softmax",
    "torch.cosine_similarity": "torch.nn.functional.cosine_similarity",
    "torch.set_grad_enabled": "torch.autograd.grad_mode.set_grad_enabled",
    "torch.inference_mode": "torch.autograd.grad_mode.inference_mode",
    "torch.utils.data.DistributedSampler": "torch.utils.data.distributed.DistributedSampler",
    "optuna.study.create_study": "optuna.create_study",
}
_MODULE_OF_CLASS = re.compile(r"torch\.nn\.modules\.(?!flatten\.)\w+\.(?=[A-Z])")  # torch.nn.modules.conv.Conv2d

# What is not documented, or only named where something else is.
_WITHOUT_PAGE = re.compile(
    r".*\._.*|torch\.(?:inf|nan|pi|e|while_loop|\w+Tensor)|torch\.optim\.(?:lr_scheduler|swa_utils)|torch\.nn\.utils"
    r"|Tensor\.(?:dtype|grad_fn)|torchvision\.models\.(?:detection|segmentation|video|quantization|optical_flow)"
    r"|sklearn\.metrics\.pairwise|optuna\.(?:samplers|logging|distributions|study|trial)|optuna\.logging\.[A-Z]+"
)
_PARTS = "nn|optim|linalg|func|fft|sparse|special|autograd|distributions|fx|testing|random|utils|cuda|backends|jit"
_DTYPES = r"b?float\d*|double|half|complex\d+|u?int\d*|long|short|bool"
# The first that fits a whole name; {0} is the name.
_RULES = {
    rf"torch\.(?P<part>{_PARTS})": "{part}.html",
    r"torch\.Tensor": "tensors.html#{0}",
    r"torch\.Size": "size.html#{0}",
    r"torch\.[fi]info": "type_info.html",
    rf"torch\.(?:dtype|{_DTYPES})": "tensor_attributes.html#torch-dtype",
    r"torch\.device": "tensor_attributes.html#torch-device",
    r"torch\.(?:memory_format|channels_last|contiguous_format)": "tensor_attributes.html#torch-memory-format",
    r"Tensor\.[a-z]\w*": "generated/torch.{0}.html",
    r"torch\.nn\.init\.\w+": "nn.init.html#{0}",
    r"torch\.utils\.data\.[\w.]+": "data.html#{0}",
    r"torch\.testing\.\w+": "testing.html#{0}",
    r"torch\.fx\.\w+": "fx.html#{0}",
    r"torch\.distributions\.\w+": "distributions.html",
    r"torch\.autograd\.(?:(?:set_)?detect_anomaly|graph\.\w+)": "autograd.html#{0}",
    r"torch\.(?:Generator|[a-z]\w*)": "generated/{0}.html",
    r"torch\.(?:nn|optim|nn\.parameter|nn\.modules\.flatten|optim\.lr_scheduler|optim\.swa_utils|utils\.flop_counter)"
    r"\.[A-Z]\w*": "generated/{0}.html",
    r"torch\.(?:nn\.functional|nn\.utils|linalg|func|fft|sparse|autograd|autograd\.functional|autograd\.grad_mode)"
    r"\.[a-z]\w*": "generated/{0}.html",
    r"torchvision\.models\.(?:get_model|get_model_weights|get_weight|list_models)": "generated/{0}.html",
    r"torchvision\.models\.(?:[a-z]\w*\.)?[a-z]\w*": "models/generated/{0}.html",
    r"torchvision\.(?:ops|datasets|tv_tensors|transforms|transforms\.v2)\.[A-Za-z]\w*": "generated/{0}.html",
    r"sklearn\.\w+\.[\w.]+": "generated/{0}.html",
    r"optuna\.samplers\.[A-Z]\w*": "samplers/generated/{0}.html",
    r"optuna\.(?:(?:logging|distributions)\.)?[A-Za-z]\w*": "generated/{0}.html",
}
_COMPILED = [(re.compile(pattern), page) for pattern, page in _RULES.items()]


def documented_as(name: str) -> str:
    """Return the name that the documentation uses."""
    name = _MODULE_OF_CLASS.sub("torch.nn.", name)
    return _CALLED.get(name, name)


def doc_address(name: str) -> str | None:
    """Return the address of a name's documentation, or None where no rule says that it has any.

    Args:
        name: dotted, as `Experiment.uses` has it: ``torch.nn.Conv2d``; ``Tensor.view`` for a method of tensors.
    """
    name = documented_as(name)
    start = _STARTS.get(name.partition(".")[0])
    if start is None or _WITHOUT_PAGE.fullmatch(name):
        return None
    for pattern, page in _COMPILED:
        if match := pattern.fullmatch(name):
            return start + page.format(name, **match.groupdict())
    return None


def is_constant(name: str) -> bool:
    """Whether a name is that of a data type or the like: neither function nor class."""
    return re.fullmatch(rf"torch\.(?:{_DTYPES}|channels_last|contiguous_format)", name) is not None


def short(name: str) -> str:
    """Return a name as code writes it that imports what is usual: ``nn.Conv2d``, ``F.unfold``."""
    return re.sub(r"^torch\.nn\.(functional\.)?", lambda match: "F." if match[1] else "nn.", name)
