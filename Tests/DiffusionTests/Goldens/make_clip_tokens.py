"""Token ids of CLIP's own tokenizer, for texts that are hard to split.

    python make_clip_tokens.py --merges ~/.cache/tmdne/tokenizer/bpe_simple_vocab_16e6.txt

The merges are those that `tmdne doctor --fix` fetches. The vocabulary is derived as CLIP's SimpleTokenizer does, and
transformers reads both. Writes tokens_clip.json: a list of {"text", "padding", "ids"}, 77 ids each.
"""

import argparse
import json
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--merges", type=Path, required=True)
lines = parser.parse_args().merges.read_text(encoding="utf-8").split("\n")
merges = lines[1 : 49152 - 256 - 2 + 1]
visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
symbols = [chr(c) for c in visible] + [chr(256 + n) for n in range(256 - len(visible))]
tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m.split()) for m in merges]
tokens += ["<|startoftext|>", "<|endoftext|>"]
texts = [entry["text"] for entry in json.loads(Path("tokens_hard.json").read_text(encoding="ascii"))][:120]
golden = []
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
    Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    for padding in ("<|endoftext|>", "!"):
        tokenizer = CLIPTokenizer.from_pretrained(folder, pad_token=padding, model_max_length=77)
        for text in texts:
            ids = tokenizer(text, padding="max_length", truncation=True, max_length=77).input_ids
            golden.append({"text": text, "padding": padding, "ids": ids})
with open("tokens_clip.json", "w", encoding="ascii") as file:
    file.write("[\n" + ",\n".join(json.dumps(entry) for entry in golden) + "\n]\n")
