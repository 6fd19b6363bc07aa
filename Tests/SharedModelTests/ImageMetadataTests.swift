import Foundation
import Testing

@testable import SharedModel

@Suite("What images say of themselves")
struct ImageMetadataTests {
    private func metadata(
        prompt: String = "young woman  at a blackboard", negativePrompt: String = "bangs curls",
        style: Style = Style.builtIn[0], sampler: SamplerName = .dpmpp2mKarras, model: String = "tmdne-tiny"
    ) -> ImageMetadata {
        var cell = Cell.sample(
            prompt: style.compose(prompt: prompt), negativePrompt: style.compose(negativePrompt: negativePrompt),
            guidance: "7.50", seed: .max)
        cell.sampler = sampler
        let granted = GrantedCell(
            key: cell.key, cell: cell, position: 12, rawPrompt: prompt, rawNegativePrompt: negativePrompt,
            style: style.name)
        return ImageMetadata(granted, model: model, sweep: "s", device: "cpu (2 threads)", precision: "fp32")
    }

    @Test("the parameters text is the one that A1111 writes")
    func parameters() {
        #expect(
            metadata().parameters == """
                cinematic photo young woman  at a blackboard . 35mm photograph, film, bokeh, professional, 4k, highly detailed
                Negative prompt: drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, ugly, bangs curls
                Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 18446744073709551615, \
                Size: 512x768, Model hash: ababababab, Model: tmdne-tiny, RNG: CPU, Style: sai-photographic, \
                Raw prompt: young woman  at a blackboard, Raw negative prompt: bangs curls, Version: tmdne 0.1.0
                """)
    }

    @Test("what is empty leaves no line and no setting")
    func empty() {
        let text = metadata(prompt: "", negativePrompt: "", style: .none).parameters
        #expect(text.hasPrefix("Steps: 20, "))
        #expect(!text.contains("\n") && !text.contains("Negative prompt") && !text.contains("Raw"))
    }

    @Test(
        "samplers have the names that A1111 gives them",
        arguments: [
            (SamplerName.ddim, "DDIM", nil), (.euler, "Euler", nil), (.eulerAncestral, "Euler a", nil),
            (.dpmpp2m, "DPM++ 2M", "Uniform"), (.dpmpp2mKarras, "DPM++ 2M", "Karras"),
        ] as [(SamplerName, String, String?)])
    func samplers(sampler: SamplerName, name: String, schedule: String?) throws {
        let read = try A1111Reader(metadata(sampler: sampler).parameters)
        #expect(read.settings["Sampler"] == name)
        #expect(read.settings["Schedule type"] == schedule)
    }

    private static let nasty = [
        "a, b: c", "\"quoted\"", "\"quoted\", and more", "\"a\" b", "ends with \\", "\\\"", "two\nlines", "tab\there",
        "Steps: 30, Sampler: Euler, CFG scale: 1, Seed: 1", "first\nSteps: 30, Sampler: Euler, CFG scale: 1",
        "a Negative prompt: inside a line", "(weights:1.3) [from:to:0.5] <lora:x:1>", "π ≈ 3, 👩‍🏫", "C:\\path, x",
        "{a|b}",
        "Style: none, Version: 9", "a\n\nb",
    ]

    @Test("A1111's reader gives prompts and settings back", arguments: nasty)
    func roundTrip(prompt: String) throws {
        let read = try A1111Reader(metadata(prompt: prompt, negativePrompt: prompt, style: .none).parameters)
        #expect(read.prompt == prompt)
        #expect(read.negativePrompt == prompt)
        #expect(read.settings["Raw prompt"] == prompt)
        #expect(read.settings["Raw negative prompt"] == prompt)
        #expect(read.settings["Steps"] == "20")
        #expect(read.settings["CFG scale"] == "7.5")
        #expect(read.settings["Size-1"] == "512")
        #expect(read.settings["Size-2"] == "768")
        #expect(read.settings["RNG"] == "CPU")
        #expect(read.settings["Style"] == "none")
        #expect(read.settings["Version"] == "tmdne 0.1.0")
        #expect(read.settings.count == 14)
    }

    @Test("what A1111's reader loses of a prompt is in its raw copy and in the JSON")
    func losses() throws {
        let prompt = "  blanks around  \nNegative prompt: in front of a line"
        let metadata = metadata(prompt: prompt, negativePrompt: "", style: .none)
        let read = try A1111Reader(metadata.parameters)
        #expect(read.prompt == "blanks around")
        #expect(read.negativePrompt == "in front of a line")
        #expect(read.settings["Raw prompt"] == prompt)
        #expect(try ImageMetadata(json: metadata.json()).cell.prompt == prompt)
    }

    @Test("a model's path is shown by its last component, with any name")
    func modelNames() throws {
        #expect(try A1111Reader(metadata(model: "../models/sd15").parameters).settings["Model"] == "sd15")
        #expect(try A1111Reader(metadata(model: "a, b").parameters).settings["Model"] == "a, b")
    }

    @Test("the JSON has sorted keys and no white space")
    func json() throws {
        let cell = metadata(style: .none).cell
        let expected =
            #"{"axes":{"guidance":7.5,"model":"tmdne-tiny","negativePrompt":"bangs curls","#
            + #""prompt":"young woman  at a blackboard","sampler":"dpmpp-2m-karras","seed":18446744073709551615,"#
            + #""size":"512x768","steps":20,"style":"none"},"cell":\#(String(decoding: cell.canonicalJSON, as: UTF8.self)),"#
            + #""device":"cpu (2 threads)","key":"\#(cell.key)","position":12,"precision":"fp32","#
            + #""program":"tmdne 0.1.0","schema":1,"sweep":"s"}"#
        #expect(try metadata(style: .none).json() == expected)
    }

    @Test(
        "the JSON gives everything back, byte for byte", arguments: nasty + ["", " ", "e\u{301}", "\u{2028}", "\u{1}"])
    func jsonRoundTrip(text: String) throws {
        let metadata = metadata(prompt: text, negativePrompt: text)
        let read = try ImageMetadata(json: metadata.json())
        #expect(read == metadata)
        #expect(Array(read.axes.prompt.utf8) == Array(text.utf8))
        #expect(try read.json() == metadata.json())
    }

    @Test("JSON of another version, another cell or another program is refused in one sentence")
    func refusals() throws {
        let json = try metadata().json()
        for bad in [
            "", "null", "[]", "{}", "{\"schema\":1}",
            json.replacingOccurrences(of: "\"schema\":1", with: "\"schema\":2"),
            json.replacingOccurrences(of: "\"steps\":20", with: "\"steps\":21"), String(json.dropLast()),
            String(repeating: "[", count: 100_000),
        ] {
            let error = #expect(throws: SharedModelError.self) { try ImageMetadata(json: bad) }
            let sentence = try #require(error).description
            #expect(sentence.hasPrefix("the image's tmdne metadata cannot be used: ") && !sentence.contains("\n"))
        }
    }
}
