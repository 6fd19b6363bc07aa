import Foundation
import Testing

@testable import SharedModel

@Suite("The sweep file")
struct SweepFileTests {
    @Test("every key is read, values and lists alike")
    func everyKey() throws {
        let sweep = try TemporaryFolder.with { folder in
            try folder.write("styles/mine.json", #"[{"name": "mine", "prompt": "my {prompt}"}]"#)
            return try Sweep(
                contentsOf: folder.write(
                    "sweep.yaml",
                    """
                    name: everything
                    model: [tmdne-tiny, ../models/sd15]
                    seed: [1, 18446744073709551615]
                    sampler: [ddim, euler-a]
                    steps: {from: 10, to: 30, step: 10}
                    size: [128x128, 512x768]
                    negative-prompt: ["", bangs curls]
                    prompts: one prompt
                    styles: [mine, none]
                    style-files: styles/mine.json
                    guidance: [5, {from: 6, to: 7, count: 3}]
                    shard-size: 4
                    """))
        }
        #expect(sweep.name == "everything")
        #expect(sweep.models == ["tmdne-tiny", "../models/sd15"])
        #expect(sweep.seeds == [1, .max])
        #expect(sweep.samplers == [.ddim, .eulerAncestral])
        #expect(sweep.steps == [10, 20, 30])
        #expect(sweep.sizes == [ImageSize(width: 128, height: 128), ImageSize(width: 512, height: 768)])
        #expect(sweep.negativePrompts == ["", "bangs curls"])
        #expect(sweep.prompts == ["one prompt"])
        #expect(sweep.styles == [Style(name: "mine", prompt: "my {prompt}", negativePrompt: ""), .none])
        #expect(sweep.guidance.map(\.canonicalText) == ["5", "6", "6.5", "7"])
        #expect(sweep.shardSize == 4)
        #expect(try sweep.positionCount() == 2 * 2 * 2 * 3 * 2 * 2 * 1 * 2 * 4)
    }

    @Test("a copy finds what lies beside its original, and is itself named where it is wrong")
    func copy() throws {
        try TemporaryFolder.with { folder in
            try folder.write("styles.json", #"[{"name": "mine", "prompt": "my {prompt}"}]"#)
            let text = "model: m\nsize: 64x64\nprompts: p\nstyles: mine\nstyle-files: styles.json\n"
            let original = try folder.write("mine.yaml", text)
            let sweep = try Sweep(contentsOf: folder.write("out/sweep.yaml", text), copiedFrom: original)
            #expect(sweep.name == "mine" && sweep.styles.map(\.name) == ["mine"])
            let broken = try folder.write("out/sweep.yaml", text + "step: 3\n")
            #expect {
                _ = try Sweep(contentsOf: broken, copiedFrom: original)
            } throws: { "\($0)".hasPrefix("\(broken):6") }
        }
    }

    @Test("what is not said has a default")
    func defaults() throws {
        let text = "model: m\nsize: 64x64\nprompts: p\n"
        let sweep = try Sweep(yaml: Array(text.utf8), file: "folder/my sweep.yaml")
        #expect(
            sweep
                == Sweep(name: "my sweep", source: text, models: ["m"], sizes: [try ImageSize("64x64")], prompts: ["p"])
        )
        #expect(sweep.guidance.map(\.canonicalText) == ["7.5"])
    }

    @Test("prompts keep every byte between their quotes")
    func bytes() throws {
        let text = #"""
            model: m
            size: 64x64
            prompts:
              - stacked  with very short   layers
              - "  spaces around  "
              - 'it''s'
              - "\"\\\u00e9e\u0301"
              - no
              - 1e5
              - ~
              - "{prompt}: #1, [b] *c &d"
              - |-
                two
                lines
            """#
        let sweep = try Sweep(yaml: Array(text.utf8), file: "s.yaml")
        let expected = [
            "stacked  with very short   layers", "  spaces around  ", "it's", "\"\\\u{E9}e\u{301}", "no", "1e5", "~",
            "{prompt}: #1, [b] *c &d", "two\nlines",
        ]
        #expect(sweep.prompts.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
        #expect(Array(sweep.source.utf8) == Array(text.utf8))
    }

    @Test(
        "ranges are exact and hold both ends",
        arguments: [
            ("{from: 5, to: 18.5, step: 0.5}", 28, "5", "18.5"),
            ("{from: 5, to: 18.5, step: 0.1}", 136, "5", "18.5"),
            ("{from: 0, to: 1, step: 0.000001}", 1_000_001, "0", "1"),
            ("{from: 5, to: 18.5, count: 28}", 28, "5", "18.5"),
            ("{from: 0.1, to: 0.3, step: 0.1}", 3, "0.1", "0.3"),
            ("{from: 0, to: 1, count: 9}", 9, "0", "1"),
            ("{from: 7, to: 7, step: 1}", 1, "7", "7"),
            ("{from: 7, to: 7.0, count: 1}", 1, "7", "7"),
            ("{to: 2, step: .5, from: +1.}", 3, "1", "2"),
        ])
    func range(text: String, count: Int, first: String, last: String) throws {
        let yaml = "model: m\nsize: 64x64\nprompts: p\nguidance: \(text)\n"
        let guidance = try Sweep(yaml: Array(yaml.utf8), file: "s.yaml").guidance
        #expect(guidance.count == count)
        #expect(guidance.first?.canonicalText == first)
        #expect(guidance.last?.canonicalText == last)
        #expect(Set(guidance).count == count)
    }

    @Test("the values inside a range are the decimals a person would write")
    func rangeValues() throws {
        let from = try ExactNumber("5", key: "")
        let range = try ExactRange(
            key: "", from: from, to: ExactNumber("6.1", key: ""), step: ExactNumber("0.1", key: ""))
        #expect(
            range.values.map(\.description)
                == ["5", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "5.9", "6", "6.1"])
        #expect(range.values.map(\.decimal) == range.values.compactMap { Decimal(string: "\($0)") })
    }

    @Test("the largest numbers make exact decimals")
    func largeNumbers() throws {
        let number = try ExactNumber("-99999999999999999999.999999999", key: "")
        #expect(number.decimal == Decimal(string: "-99999999999999999999.999999999"))
        #expect(try ExactNumber("18446744073709551615", key: "").whole == Int128(UInt64.max))
    }

    @Test("anchors and aliases that stay small are followed")
    func smallAliases() throws {
        let yaml = "model: &m tmdne-tiny\nsize: 64x64\nprompts: [*m, *m]\n"
        #expect(try Sweep(yaml: Array(yaml.utf8), file: "s.yaml").prompts == ["tmdne-tiny", "tmdne-tiny"])
    }

    @Test("lines may end as they do on Windows, and a byte order mark may stand first")
    func windows() throws {
        let yaml = "\u{FEFF}model: m\r\nsize: 64x64\r\nprompts:\r\n  - p  q\r\n"
        #expect(try Sweep(yaml: Array(yaml.utf8), file: "s.yaml").prompts == ["p  q"])
    }
}
