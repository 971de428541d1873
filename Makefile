# 两个命令：make serve（安装、执行、在浏览器里看）和 make test（安装、跑全部检查）。
# 依赖的版本都钉在 constraints.txt 里；安装（scripts/install.py）只在它或 pyproject.toml 变了、或文件夹移动过以后才重做。

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
export NO_MKDOCS_2_WARNING := 1

.PHONY: install serve site run test bench clean help

serve: install  ## 安装，打开 http://127.0.0.1:8000，同时执行没有缓存的实验；换端口：make serve PORT=8001
	$(BIN)/mkdocs serve --livereload --dev-addr 127.0.0.1:$(PORT)

site: install  ## 构建整个站点到 site/；从磁盘打开 site/index.html 就能看
	$(BIN)/mkdocs build --strict

run: install  ## 只执行实验，不构建站点
	$(BIN)/engine run

test: install  ## 代码检查与全部测试
	$(BIN)/ruff check .
	$(BIN)/ruff format --check scripts tests
	$(BIN)/mypy
	$(BIN)/pytest

bench: install .bench/venv/.installed  ## 与同类工具比较速度；要半小时以上，机器上不要做别的事
	PYTHONPATH=scripts $(BIN)/python -m bench $(BENCH)

clean:  ## 删除生成的一切，保留缓存、虚拟环境和手工放进去的文件
	rm -rf site docs/assets/fonts/math.woff2 docs/assets/fonts/math.recipe
	@if [ -x $(BIN)/engine ]; then $(BIN)/engine clean; else echo "没有 $(BIN)/engine：先 make run，才知道哪些文件是生成的"; exit 1; fi

help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install:  ## 只安装
	@$(PYTHON) scripts/install.py $(if $(filter-out file,$(origin PYTHON)),--this-python)

# The peers have an environment of their own; torch and what else the experiments import comes from ours.
.bench/venv/.installed: scripts/bench/requirements.txt | install
	$(PYTHON) -m venv .bench/venv
	.bench/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$(.bench/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/ours.pth"
	touch $@
