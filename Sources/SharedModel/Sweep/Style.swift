/// A template that turns a user's prompt into the prompt that is rendered.
package struct Style: Hashable, Sendable {
    package var name: String
    /// The template of the prompt; every `{prompt}` in it stands for the user's prompt.
    package var prompt: String
    /// What the style adds in front of the user's negative prompt.
    package var negativePrompt: String

    package init(name: String, prompt: String, negativePrompt: String) {
        self.name = name
        self.prompt = prompt
        self.negativePrompt = negativePrompt
    }

    /// Fills the user's prompt into the template.
    ///
    /// The template is searched once, so a `{prompt}` inside the user's text stays as it is. A template without
    /// `{prompt}` (score tags, mostly) follows the user's text after a comma, as in A1111's styles.
    package func compose(prompt user: String) -> String {
        let placeholder = Array("{prompt}".utf8)
        let parts = Array(prompt.utf8).split(separator: placeholder, omittingEmptySubsequences: false)
        guard parts.count > 1 else { return Self.joined(user, prompt) }
        return String(decoding: Array(parts.joined(separator: Array(user.utf8))), as: UTF8.self)
    }

    /// Puts the style's negative prompt before the user's.
    package func compose(negativePrompt user: String) -> String {
        Self.joined(negativePrompt, user)
    }

    private static func joined(_ parts: String...) -> String {
        parts.filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

extension Style {
    /// The styles that every sweep may name: SDXL style templates as Fooocus 1.x has them, and none at all.
    package static let builtIn = [
        Style(
            name: "sai-photographic",
            prompt: "cinematic photo {prompt} . 35mm photograph, film, bokeh, professional, 4k, highly detailed",
            negativePrompt:
                "drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, "
                + "ugly"
        ),
        none,
        Style(
            name: "cinematic-default",
            prompt: "cinematic still {prompt} . emotional, harmonious, vignette, highly detailed, high budget, bokeh, "
                + "cinemascope, moody, epic, gorgeous, film grain, grainy",
            negativePrompt: "anime, cartoon, graphic, text, painting, crayon, graphite, abstract, glitch, deformed, "
                + "mutated, ugly, disfigured"
        ),
    ]

    /// Leaves the user's texts as they are.
    package static let none = Style(name: "none", prompt: "{prompt}", negativePrompt: "")
}
