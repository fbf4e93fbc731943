"""Words for [MASK]: what a pretrained encoder is asked without a task."""
