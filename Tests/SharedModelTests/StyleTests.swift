import Foundation
import Testing

@testable import SharedModel

@Suite("Styles")
struct StyleTests {
    private let user = "young woman  at a blackboard"

    @Test("the built-in styles compose the texts of the original sweep byte for byte")
    func builtIn() throws {
        let library = StyleLibrary()
        let photographic = try library.style(named: "sai-photographic")
        #expect(
            photographic.compose(prompt: user)
                == "cinematic photo young woman  at a blackboard . 35mm photograph, film, bokeh, professional, 4k, highly detailed"
        )
        #expect(
            photographic.compose(negativePrompt: "bangs curls")
                == "drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, ugly, bangs curls"
        )
        let cinematic = try library.style(named: "cinematic-default")
        #expect(
            cinematic.compose(prompt: user)
                == "cinematic still young woman  at a blackboard . emotional, harmonious, vignette, highly detailed, high budget, bokeh, cinemascope, moody, epic, gorgeous, film grain, grainy"
        )
        #expect(
            cinematic.compose(negativePrompt: "bangs curls")
                == "anime, cartoon, graphic, text, painting, crayon, graphite, abstract, glitch, deformed, mutated, ugly, disfigured, bangs curls"
        )
        let none = try library.style(named: "none")
        #expect(none.compose(prompt: user) == user)
        #expect(none.compose(negativePrompt: "bangs curls") == "bangs curls")
    }

    @Test("empty parts of a negative prompt are dropped with their comma")
    func emptyParts() {
        #expect(Style(name: "s", prompt: "{prompt}", negativePrompt: "ugly").compose(negativePrompt: "") == "ugly")
        #expect(Style.none.compose(negativePrompt: "") == "")
    }

    @Test(
        "the template is filled in literally, and once",
        arguments: [
            ("{prompt} and {prompt}", "cat", "cat and cat"),
            ("a {prompt}", "{prompt} {prompt}", "a {prompt} {prompt}"),
            ("{prompt}{prompt}", "", ""),
            ("{{prompt}}", "cat", "{cat}"),
            ("{prompt}\u{301}", "e", "e\u{301}"),
            ("{Prompt} {prompt", "cat", "cat, {Prompt} {prompt"),
            ("score_9, score_8", "cat", "cat, score_9, score_8"),
            ("score_9", "", "score_9"),
            ("", "cat", "cat"),
        ])
    func template(template: String, prompt: String, composed: String) {
        let style = Style(name: "s", prompt: template, negativePrompt: "")
        #expect(Array(style.compose(prompt: prompt).utf8) == Array(composed.utf8))
    }

    @Test("a style file adds styles; a missing prompt leaves the user's alone, other keys are passed over")
    func file() throws {
        let text = """
            [
                {"name": "line-art", "prompt": "line art {prompt} . sleek", "negative_prompt": "photo", "group": "x"},
                {"name": "clean", "negative_prompt": "worst quality"},
                {"name": "none", "prompt": "{prompt}", "negative_prompt": ""}
            ]
            """
        var library = StyleLibrary()
        try TemporaryFolder.with { try library.add(fileAt: $0.write("styles.json", text)) }
        #expect(
            try library.style(named: "line-art")
                == Style(name: "line-art", prompt: "line art {prompt} . sleek", negativePrompt: "photo"))
        #expect(try library.style(named: "clean").compose(prompt: "cat") == "cat")
        #expect(try library.style(named: "none") == .none)
    }

    @Test(
        "a style file that is none is refused in one sentence that names it",
        arguments: [
            "", "{}", "[1]", "[{}]", #"[{"name": 5, "prompt": "x"}]"#, #"[{"name": "", "prompt": "x"}]"#, "[",
            #"[{"name": "none", "prompt": "other {prompt}"}]"#, #"[{"name": "bell", "prompt": "\u0007"}]"#,
            #"[{"name": "zero", "prompt": "\u0000"}]"#, String(repeating: "[", count: 100_000),
            #"[{"name": "long", "prompt": "\#(String(repeating: "x", count: 8193))"}]"#,
        ])
    func badFile(text: String) throws {
        try TemporaryFolder.with { folder in
            let path = try folder.write("styles.json", text)
            var library = StyleLibrary()
            let error = #expect(throws: SharedModelError.self) { try library.add(fileAt: path) }
            let sentence = try #require(error).description
            #expect(sentence.hasPrefix(path + ": "))
            #expect(!sentence.contains("\n"))
        }
    }

    @Test("an unknown style's error names the nearest one and lists all")
    func unknown() {
        let error = #expect(throws: SweepProblem.self) { try StyleLibrary().style(named: "sai-photografic") }
        #expect(
            error?.description
                == "there is no style 'sai-photografic' (did you mean 'sai-photographic'?); the styles are "
                + "sai-photographic, none, cinematic-default")
    }
}
