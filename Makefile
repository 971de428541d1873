# 两个命令：make serve（安装、执行、在浏览器里看）和 make test（安装、跑全部检查）。
# 依赖的版本都钉在 constraints.txt 里；安装只在它或 pyproject.toml 变了以后才重做。

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
export NO_MKDOCS_2_WARNING := 1

.PHONY: serve site run test bench clean help

serve: $(VENV)/.installed  ## 安装，打开 http://127.0.0.1:8000，同时执行没有缓存的实验；换端口：make serve PORT=8001
	$(BIN)/mkdocs serve --livereload --dev-addr 127.0.0.1:$(PORT)

site: $(VENV)/.installed  ## 构建整个站点到 site/；从磁盘打开 site/index.html 就能看
	$(BIN)/mkdocs build --strict

run: $(VENV)/.installed  ## 只执行实验，不构建站点
	$(BIN)/engine run

test: $(VENV)/.installed  ## 代码检查与全部测试
	$(BIN)/ruff check .
	$(BIN)/ruff format --check scripts tests
	$(BIN)/mypy
	$(BIN)/pytest

bench: $(VENV)/.installed .bench/venv/.installed  ## 与同类工具比较速度；要半小时以上，机器上不要做别的事
	PYTHONPATH=scripts $(BIN)/python -m bench $(BENCH)

clean:  ## 删除生成的一切，保留缓存与虚拟环境
	rm -rf build site docs/downloads docs/tags docs/labs/*.ipynb docs/assets/thumbnails docs/assets/fonts

help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新的版本：make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,cluster]'
	touch $@

# The peers have an environment of their own; torch and what else the experiments import comes from ours.
.bench/venv/.installed: scripts/bench/requirements.txt $(VENV)/.installed
	$(PYTHON) -m venv .bench/venv
	.bench/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$(.bench/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/ours.pth"
	touch $@
