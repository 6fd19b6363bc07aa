"""Token ids of texts that are hard to split, with the embedded model's tokenizer.

    python make_tokens.py --model ../../../Models/tmdne-tiny

Writes tokens_hard.json: a list of {"text", "ids"}, unpadded and uncut.
"""
import argparse
import json
import random

from transformers import CLIPTokenizer

TEXTS = [
    "", " ", "CAT, don't  Stop!!'s 42", "Élève à l'école №5", "猫 cat", "emoji 🙂 ok", "_x_ a-b c/d",
    "a (photo:1.2) _of_ 2024 mathematicians at a blackboard, 8k",
    "a <|endoftext|> b", "a<|endoftext|>b", "a <|ENDOFTEXT|> b", "<|ENDOFTEXT|>!!", "!!<|ENDOFTEXT|>", "<|startofTEXT|>b",
    "a <|startoftext|> b", "A  <|endoftext|>  CAT", " <|endoftext|>É", "<|endoftext", "<|endoftext|", "<||>",
    "ΣΑΣ İ ﬁ ẞ ǅ", "x\u0301y e\u0301 \u0301", "a\u00a0b\u2003c\u200bd\u3000e\u1680f\u0085g", "½ ² Ⅻ ৩ ١٢٣ ㊿",
    "don'T '’s ''s'll 'Re'VE'm'D 'x '", "it's they'll we've I'm you'd he're 'S'T", "a\x00b\x1fc\x7fd", "\u1e9b\u0323 \u212b \uac00 \u1100\u1161",
    "ーab々ʰ ª º", "₁₂ x⁴ 3½", "🇵🇱👩‍🏫👍🏽", "\U0001d400\U0001d7d8 \U00020000", "\ufeffbom \ufffd", "١a2b", "tab\tnl\ncr\r\nff\fvt\v.", "!" * 40,
    "a" * 100, "ab" * 60, "teach" * 30,
]
POOL = [chr(c) for c in list(range(32, 127)) * 4 + list(range(160, 0x250)) + list(range(0x300, 0x320)) + list(range(0x391, 0x3CA))
        + list(range(0x410, 0x450)) + list(range(0x2000, 0x2030)) + [0x4E00, 0x732B, 0x1F600, 0x1F642, 0xAC00, 0x0660, 0x2160, 0x00BD]]

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--model", required=True)
tokenizer = CLIPTokenizer.from_pretrained(parser.parse_args().model, subfolder="tokenizer")
rng = random.Random(52794693)
texts = TEXTS + ["".join(rng.choice(POOL) for _ in range(rng.randrange(1, 60))) for _ in range(150)]
golden = [{"text": text, "ids": tokenizer(text).input_ids} for text in texts]
with open("tokens_hard.json", "w", encoding="ascii") as file:
    file.write("[\n" + ",\n".join(json.dumps(entry) for entry in golden) + "\n]\n")
