"""EfficientNet-Lite0 from its published weights: torch exports it (`export`), TVM compiles it (`compile`).

Each runs in an environment of its own; tools/build_imagenet.py makes both and calls them.
"""
