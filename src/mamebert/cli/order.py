"""The commands in the order of work, as --help shows them."""

GROUPS = {
    "Prepare text": ("clean", "select", "vocab", "tokenize"),
    "Train": ("vectors", "contrast", "pretrain", "inspect", "finetune"),
    "Make smaller": ("compress",),
    "Look": ("evaluate", "probe", "report"),
    "Use": ("predict", "fill-mask", "serve", "export", "push"),
    "All of it, and this machine": ("init", "run", "doctor"),
}
"""What --help shows, in the order of work."""
ORDER = [command for group in GROUPS.values() for command in group]
GROUP_OF = {command: group for group, commands in GROUPS.items() for command in commands}
