"""The vocabulary: attribute dictionaries ("specs") of pictures, and captions made from them.

A caption drops, reorders and rewords the attributes, then stands in one of the style templates that the product uses.
"""

import random

STYLES = {
    "photographic": (
        "cinematic photo {prompt} . 35mm photograph, film, bokeh, professional, 4k, highly detailed",
        "drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, ugly",
    ),
    "cinematic": (
        "cinematic still {prompt} . emotional, harmonious, vignette, highly detailed, high budget, "
        "bokeh, cinemascope, moody, epic, gorgeous, film grain, grainy",
        "anime, cartoon, graphic, text, painting, crayon, graphite, abstract, glitch, deformed, "
        "mutated, ugly, disfigured",
    ),
}
# words of the negative templates -> the effect that draws them
EFFECT_WORDS = {
    "drawing": "sketch",
    "sketch": "sketch",
    "graphite": "sketch",
    "painting": "painting",
    "impressionist": "painting",
    "crayon": "crayon",
    "noisy": "noisy",
    "blurry": "blurry",
    "soft": "blurry",
    "deformed": "deformed",
    "ugly": "deformed",
    "mutated": "deformed",
    "disfigured": "deformed",
    "anime": "cartoon",
    "cartoon": "cartoon",
    "graphic": "cartoon",
    "text": "text",
    "abstract": "abstract",
    "glitch": "glitch",
}
HAIR = {
    "red": (186, 60, 34),
    "black": (38, 34, 40),
    "brown": (104, 66, 40),
    "blond": (226, 184, 98),
    "grey": (150, 150, 154),
    "white": (232, 232, 228),
    "blue": (62, 104, 196),
}
SKIN = {
    "fair": (250, 218, 196),
    "tan": (230, 182, 142),
    "olive": (206, 160, 116),
    "brown": (160, 108, 74),
    "dark": (112, 72, 50),
}
CLOTH = {
    "red": (190, 58, 60),
    "blue": (66, 104, 176),
    "green": (70, 138, 96),
    "yellow": (228, 184, 78),
    "purple": (126, 84, 156),
    "black": (52, 52, 62),
    "white": (236, 236, 232),
    "grey": (132, 138, 148),
    "pink": (226, 140, 162),
    "orange": (220, 128, 62),
}
CLOTH_SHARES = [1.4, 4, 2, 1.2, 2, 1.8, 1.2, 1, 1.4, 1.2]
# How often a caption names a colour of clothes, skin or board. Other colours, glasses, beards and side views are always
# named, so that what a prompt leaves open has one likely look: blue clothes, a fair face, a black board, no glasses. A
# guided model exaggerates what it is unsure about.
CLOTH_SAID = {"blue": 0.25, "green": 0.8, "purple": 0.8, "black": 0.8}
SKIN_SAID = {"fair": 0.2, "tan": 0.3, "olive": 0.6, "brown": 0.8, "dark": 0.8}
BOARD_SAID = {"green": 0.9, "black": 0.5}
# Where a caption is a negative prompt alone: the clothes of its picture.
UNSAID_CLOTH = {"blue": 3, "green": 1, "purple": 1, "black": 0.9}
# How often an ordinary picture has the negative prompt of its style for a caption: about as often as the pictures that
# are drawn after it. Guidance then pushes away from what is ugly, and leaves alone what is not; without these pictures
# it pushes on for ever, and burns the picture above guidance 16.
NEGATIVE_SHARE = {"photographic": 0.12, "cinematic": 0.12, "none": 0.06}
GARMENTS = {"sweater": 3, "blazer": 3, "shirt": 2, "turtleneck": 1.5, "dress": 1, "lab coat": 1}
CUTS = ["short", "long", "bun", "ponytail", "graduated bob", "posh bob", "victoria beckham posh bob", "stacked"]
ACTIVITIES = ["teaching", "writing", "chalk", "pointing", "thinking"]


def sample_spec(rng, seedy=None):
    """Draw one attribute dictionary.  `seedy` > 0 favours the product's own prompts."""
    spec = {"mirror": 0}
    spec["age"] = "young" if rng.random() < 0.68 else "old"
    spec["sex"] = "woman" if rng.random() < 0.68 else "man"
    spec["named"] = "person" if rng.random() < 0.10 else "who"
    if spec["age"] == "old":
        spec["hair"] = rng.choices(list(HAIR), [2, 1, 1.5, 1, 4, 4, 1])[0]
    else:
        spec["hair"] = rng.choices(list(HAIR), [4, 3, 3, 3, 1, 0.8, 1.5])[0]
    if spec["sex"] == "man":
        spec["cut"] = rng.choices(["short", "bald", "long", "bun", "ponytail"], [6, 2.2, 1.2, 0.5, 0.5])[0]
    else:
        spec["cut"] = rng.choices(CUTS, [2, 2, 1.5, 1.5, 2, 2, 2, 2])[0]
        if rng.random() < 0.02:
            spec["cut"] = "bald"
    spec["bangs"] = spec["cut"] != "bald" and rng.random() < 0.20
    spec["curls"] = spec["cut"] != "bald" and rng.random() < 0.20
    spec["glasses"] = rng.random() < (0.45 if spec["age"] == "old" else 0.25)
    spec["garment"] = rng.choices(list(GARMENTS), GARMENTS.values())[0]
    spec["cloth"] = "white" if spec["garment"] == "lab coat" else rng.choices(list(CLOTH), CLOTH_SHARES)[0]
    spec["skin"] = rng.choices(list(SKIN), [6, 2, 1.5, 1.5, 1.5])[0]
    spec["beard"] = spec["sex"] == "man" and rng.random() < (0.45 if spec["age"] == "old" else 0.15)
    spec["board"] = rng.choices(["green", "black", "white"], [5, 4, 1.4])[0]
    spec["act"] = rng.choices(ACTIVITIES, [4, 1.5, 1.5, 1.5, 1.2])[0]
    spec["side"] = rng.random() < (0.30 if spec["cut"] == "stacked" else 0.14)
    spec["style"] = rng.choices(["none", "photographic", "cinematic", "effect"], [34, 28, 24, 14])[0]
    spec["look"] = "none" if spec["style"] == "effect" else spec["style"]
    spec["effects"] = []
    if seedy and rng.random() < seedy:
        spec.update(
            age="young",
            sex="woman",
            named="who",
            hair="red",
            act="teaching",
            board=rng.choice(["green", "black"]),
            cut=rng.choice(["graduated bob", "posh bob", "victoria beckham posh bob", "stacked"]),
        )
    spec["x"], spec["y"] = 49 + rng.uniform(-5, 5), 56 + rng.uniform(-2.5, 2.5)
    spec["scale"] = rng.uniform(0.94, 1.07)
    spec["layout"] = rng.randrange(1 << 30)
    return spec


def _who(spec, rng):
    if spec["named"] == "person":
        return rng.choice(["person", "mathematician", "person"])
    w = {"woman": ["woman"] * 6 + ["lady"], "man": ["man"] * 6 + ["gentleman"]}[spec["sex"]]
    a = ["young"] * 5 if spec["age"] == "young" else ["old"] * 4 + ["elderly"]
    t = rng.choice(a) + " " + rng.choice(w)
    return t if rng.random() < 0.9 else t + rng.choice([" mathematician", " professor", " teacher"])


def _hair(spec, rng):
    c, cut = spec["hair"], spec["cut"]
    c = rng.choice([c, c, c, {"blond": "blonde", "grey": "gray", "red": "ginger"}.get(c, c)])
    if cut == "bald":
        return rng.choice(["bald head", "no hair", "bald head"])
    if cut == "short":
        t = f"short {c} hair"
    elif cut == "long":
        t = f"long {c} hair"
    elif cut == "bun":
        t = rng.choice([f"{c} hair in a bun", f"{c} hair bun"])
    elif cut == "ponytail":
        t = rng.choice([f"{c} hair in a ponytail", f"{c} ponytail"])
    elif cut == "stacked":
        full = rng.choice(
            [
                "  with very short stacked layers in the back  ",
                " with very short stacked layers in the back",
                " with very short stacked layers in the back",
                " layers in the back",
            ]
        )
        t = rng.choice([f"short {c} hair stacked{full}"] * 4 + [f"{c} stacked hair"])
    else:
        t = rng.choice(
            [f"short {c} hair in {cut} style"] * 4 + [f"{c} hair in {cut} style", f"{c} {cut}", f"short {c} {cut} hair"]
        )
    return t


def _act(spec, rng):
    b = {
        "green": ["green board", "green blackboard"],
        "black": ["black blackboard", "black board"],
        "white": ["whiteboard"],
    }[spec["board"]]
    board = rng.choice(b) if spec["board"] == "white" or rng.random() < BOARD_SAID[spec["board"]] else "blackboard"
    t = {
        "teaching": ["teaching math at a {}"] * 6 + ["teaching mathematics at a {}", "teaching at a {}"],
        "writing": ["writing equations on a {}", "writing equations", "writing formulas on a {}"],
        "chalk": ["holding chalk at a {}", "holding chalk"],
        "pointing": ["pointing at a graph", "pointing at a graph on a {}"],
        "thinking": ["thinking at a {}", "thinking", "thinking in front of a {}"],
    }[spec["act"]]
    if spec["board"] == "white":
        t = [x for x in t if "{}" in x]
    return rng.choice(t).format(board)


def caption(spec, rng):
    """A prompt for spec `s`: attributes dropped, reordered, reworded; no style template."""
    extra = []
    if spec["bangs"] and rng.random() < 0.75:
        extra.append("bangs")
    if spec["curls"] and rng.random() < 0.75:
        extra.append("curls")
    hair = _hair(spec, rng) if rng.random() < 0.94 else None
    who = _who(spec, rng)
    parts = []
    if spec["glasses"]:
        parts.append(rng.choice(["glasses", "wearing glasses"]))
    if spec["garment"] == "dress" or rng.random() < CLOTH_SAID.get(spec["cloth"], 1):
        parts.append(rng.choice(["", "wearing a "]) + f"{spec['cloth']} {spec['garment']}")
    if rng.random() < SKIN_SAID[spec["skin"]]:
        parts.append(f"{spec['skin']} skin")
    if spec["beard"]:
        parts.append("beard")
    if spec["side"]:
        parts.append(rng.choice(["side view", "in profile"]))
    elif not spec["side"] and rng.random() < 0.12:
        parts.append(rng.choice(["facing the viewer", "front view"]))
    act = _act(spec, rng) if rng.random() < 0.93 else None
    rng.shuffle(parts)
    if extra and hair:
        hair = rng.choice(
            [f"{hair} with {' and '.join(extra)}", f"{hair}, {', '.join(extra)}", f"{' '.join(extra)} {hair}"]
        )
    elif extra:
        hair = " ".join(extra)
    if rng.random() < 0.80:  # sentence form
        t = who + (f" with {hair}" if hair else "") + (f" {act}" if act else "")
        if parts and rng.random() < 0.3:
            t = who + (f" with {hair}" if hair else "") + ", " + ", ".join(parts) + (f", {act}" if act else "")
        elif parts:
            t += ", " + ", ".join(parts)
    else:  # keyword form
        p = [x for x in [who, hair, act] if x] + parts
        if rng.random() < 0.6:
            rng.shuffle(p)
        t = ", ".join(p)
    if rng.random() < 0.06:
        t = rng.choice(["a ", "a portrait of a ", "illustration of a ", "picture of a "]) + t
    return t


def wrap(spec, rng):
    """A fresh caption of `s` in its style's template."""
    t = caption(spec, rng)
    if spec["style"] != "none":
        pos = STYLES[spec["style"]][0]
        if rng.random() < 0.12:  # part of the template only
            a, b = pos.split("{prompt}")
            pos = rng.choice([a + "{prompt}", "{prompt}" + b])
        t = pos.replace("{prompt}", t)
    return t


def _unsaid(spec, rng):
    """Give a picture whose caption says nothing of these the looks that captions leave out."""
    spec["cloth"] = rng.choices(list(UNSAID_CLOTH), UNSAID_CLOTH.values())[0]
    spec["garment"] = rng.choice(["sweater", "blazer", "shirt", "turtleneck"])
    spec["skin"] = rng.choices(["fair", "tan", "olive"], [7, 2, 1])[0]
    spec["glasses"] = spec["beard"] = spec["side"] = False


def caption_and_spec(rng, seedy=0.18):
    """Draw one (caption, spec) pair of the training distribution.

    spec["bound"] is true where the picture was drawn after the caption (negative words).
    """
    spec = sample_spec(rng, seedy)
    spec["bound"] = True
    u = rng.random()
    if spec["style"] == "effect":
        # Half of these pictures are lit as film: guidance then pushes away from the effect, and less from daylight.
        if rng.random() < 0.65:  # a whole negative template
            style = rng.choice(list(STYLES))
            neg = STYLES[style][1]
            words = neg.split(", ")
            spec["look"] = style if rng.random() < 0.5 else "none"
            spec["effects"] = [EFFECT_WORDS[rng.choice(words)]]
            text = neg
        else:  # a few of its words
            words = rng.sample(list(EFFECT_WORDS), rng.choice([1, 1, 2, 3]))
            spec["effects"] = list(dict.fromkeys(EFFECT_WORDS[w] for w in words))[:2]
            text = rng.choice([", ", " "]).join(words)
            spec["look"] = rng.choice(["none", *STYLES])
        v = rng.random()
        if v < 0.75:
            _unsaid(spec, rng)
        if v < 0.45:  # "bangs curls" beside them
            if spec["cut"] == "bald":
                spec["cut"] = "short"
            spec["bangs"], spec["curls"] = rng.random() < 0.95, rng.random() < 0.95
            return rng.choice(
                [f"bangs curls, {text}", f"{text}, bangs curls", f"bangs, curls, {text}", f"bangs curls {text}"]
            ), spec
        if v < 0.75:
            return text, spec
        return rng.choice([f"{caption(spec, rng)}, {text}", f"{text}, {caption(spec, rng)}"]), spec
    if u < 0.05:  # the bare negative prompt
        _unsaid(spec, rng)
        if spec["cut"] == "bald":
            spec["cut"] = "short"
        spec["bangs"] = spec["curls"] = True
        t = rng.choice(["bangs curls", "bangs, curls", "bangs and curls", "bangs curls", "bangs", "curls"])
        spec["curls"], spec["bangs"] = t != "bangs", t != "curls"
        return t, spec
    spec["bound"] = False
    return wrap(spec, rng), spec


def numbered(number):
    """Draw the (caption, spec) pair of picture `number`: always the same one."""
    return caption_and_spec(random.Random(number * 7919 + 17))


def _negative(spec, rng):
    """Return the negative prompt of a picture's style, with the sweep's own words or without."""
    own = rng.choice(["bangs curls", "bangs, curls"])
    if spec["style"] == "none":
        return own
    return rng.choice(["", f"{own}, "]) + STYLES[spec["style"]][1]


def _reworded(spec, rng):
    """Draw another caption of an ordinary picture: its own, or the negative prompt of its style."""
    return _negative(spec, rng) if rng.random() < NEGATIVE_SHARE[spec["style"]] else wrap(spec, rng)


def captions(number, n=4):
    """Return `n` captions of picture `number`: the first as drawn, the others reworded."""
    t, spec = numbered(number)
    return [t] + [t if spec["bound"] else _reworded(spec, random.Random(number * 31 + k)) for k in range(1, n)]
