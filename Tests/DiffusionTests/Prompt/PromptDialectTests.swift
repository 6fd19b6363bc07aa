import Testing

@testable import Diffusion

@Suite("Prompt dialects")
struct PromptDialectTests {
    /// A text and what it is read as: pieces and their weights.
    struct Reading: CustomTestStringConvertible, Sendable {
        let prompt: String
        let pieces: [(String, Double)]

        var testDescription: String { prompt }
    }

    private func expect(_ text: WeightedText, _ reading: Reading) {
        #expect(text.pieces.count == reading.pieces.count, "\(text.pieces)")
        for (piece, expected) in zip(text.pieces, reading.pieces) {
            switch piece {
            case .chunkBreak: #expect(expected.0 == "BREAK" && expected.1 == -1)
            case .text(let text, let weight):
                #expect(text == expected.0)
                #expect(abs(weight - expected.1) < 1e-12)
            }
        }
    }

    // The examples that A1111 documents beside its parser, and some more.
    @Test(
        "A1111's weights are read as it documents them",
        arguments: [
            Reading(prompt: "normal text", pieces: [("normal text", 1)]),
            Reading(prompt: "an (important) word", pieces: [("an ", 1), ("important", 1.1), (" word", 1)]),
            Reading(prompt: "(unbalanced", pieces: [("unbalanced", 1.1)]),
            Reading(prompt: #"\(literal\]"#, pieces: [("(literal]", 1)]),
            Reading(prompt: "(unnecessary)(parens)", pieces: [("unnecessaryparens", 1.1)]),
            Reading(
                prompt: "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
                pieces: [
                    ("a ", 1), ("house", 1.5730000000000004), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55),
                    (", sun, ", 1.1), ("sky", 1.4641000000000006), (".", 1.1),
                ]),
            Reading(prompt: "a [[b]] c", pieces: [("a ", 1), ("b", 1 / 1.21), (" c", 1)]),
            Reading(prompt: "ratio 16:9)", pieces: [("ratio 16:9)", 1)]),
            Reading(prompt: "(a : b)", pieces: [("a : b", 1.1)]),
            Reading(prompt: "(a : -1.5 )", pieces: [("a ", -1.5)]),
            Reading(prompt: "one BREAK two", pieces: [("one", 1), ("BREAK", -1), ("two", 1)]),
            Reading(prompt: "BREAKFAST", pieces: [("BREAKFAST", 1)]),
            Reading(prompt: "", pieces: [("", 1)]),
        ])
    func a1111(_ reading: Reading) {
        expect(WeightedText(a1111: reading.prompt), reading)
    }

    @Test(
        "ComfyUI's weights are absolute where they are written, and relative where they are not",
        arguments: [
            Reading(prompt: "an (important) word", pieces: [("an ", 1), ("important", 1.1), (" word", 1)]),
            Reading(prompt: "((a:1.5) b)", pieces: [("a", 1.5), (" b", 1.1)]),
            Reading(prompt: "((a) b:1.5)", pieces: [("a", 1.6500000000000001), (" b", 1.5)]),
            Reading(prompt: #"\(literal\) [kept]"#, pieces: [("(literal) [kept]", 1)]),
            Reading(prompt: "(unbalanced", pieces: [("(unbalanced", 1)]),
            Reading(prompt: "a) b", pieces: [("a) b", 1)]),
            Reading(prompt: "(a:b)", pieces: [("a:b", 1.1)]),
            Reading(prompt: "()", pieces: [("", 1)]),
        ])
    func comfyui(_ reading: Reading) {
        expect(WeightedText(comfyui: reading.prompt), reading)
    }

    /// A text that changes, over ten steps.
    struct Schedule: CustomTestStringConvertible, Sendable {
        let prompt: String
        let texts: [(Int, String)]

        var testDescription: String { prompt }
    }

    // The examples that A1111 documents beside its parser.
    @Test(
        "prompts change on the way as A1111 documents it",
        arguments: [
            Schedule(prompt: "test", texts: [(10, "test")]),
            Schedule(prompt: "a [b:3]", texts: [(3, "a "), (10, "a b")]),
            Schedule(prompt: "a [b: 3]", texts: [(3, "a "), (10, "a b")]),
            Schedule(prompt: "a [[[b]]:2]", texts: [(2, "a "), (10, "a [[b]]")]),
            Schedule(prompt: "[(a:2):3]", texts: [(3, ""), (10, "(a:2)")]),
            Schedule(prompt: "a [b : c : 1] d", texts: [(1, "a b  d"), (10, "a  c  d")]),
            Schedule(prompt: "a[b:[c:d:2]:1]e", texts: [(1, "abe"), (2, "ace"), (10, "ade")]),
            Schedule(prompt: "a [unbalanced", texts: [(10, "a [unbalanced")]),
            Schedule(prompt: "a [b:.5] c", texts: [(5, "a  c"), (10, "a b c")]),
            Schedule(prompt: "a [{b|d{:.5] c", texts: [(5, "a  c"), (10, "a {b|d{ c")]),
            Schedule(prompt: "((a][:b:c [d:3]", texts: [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
            Schedule(prompt: "a [b::0.25]", texts: [(2, "a b"), (10, "a ")]),
            Schedule(
                prompt: "[a|(b:1.1)]",
                texts: (1...10).map { ($0, $0.isMultiple(of: 2) ? "(b:1.1)" : "a") }),
            Schedule(
                prompt: "[fe|]male",
                texts: (1...10).map { ($0, $0.isMultiple(of: 2) ? "male" : "female") }),
            Schedule(prompt: #"a \[b:3]"#, texts: [(10, #"a \[b:3]"#)]),
            Schedule(prompt: "[a:b:c:3]", texts: [(10, "[a:b:c:3]")]),
        ])
    func schedules(_ schedule: Schedule) {
        let texts = PromptSchedule(schedule.prompt).texts(steps: 10)
        #expect(texts.map(\.text) == schedule.texts.map(\.1))
        #expect(texts.map(\.end) == schedule.texts.map(\.0))
    }

    @Test("no nesting, however deep, exhausts the stack, and no text is lost")
    func nesting() {
        for bracket in ["(", "[", "[a|", "[a:"] {
            let prompt = String(repeating: bracket, count: 100_000)
            #expect(PromptSchedule(prompt).texts(steps: 1).map(\.text) == [prompt])
            // As long as a prompt may be.
            let longest = String(prompt.prefix(8192))
            _ = (WeightedText(a1111: longest), WeightedText(comfyui: longest))
        }
    }

    /// Each letter a token, a comma token 0.
    private func letters(_ text: String) -> [Int32] {
        text.unicodeScalars.filter { $0 != " " }.map { $0 == "," ? 0 : Int32($0.value) }
    }

    private func ids(_ chunks: PromptChunks) -> [String] {
        chunks.chunks.map { chunk in
            String(String.UnicodeScalarView(chunk.map { $0.id == 0 ? "," : Unicode.Scalar(UInt8($0.id)) }))
        }
    }

    @Test("A1111's chunks break behind a comma that is near, and at BREAK")
    func a1111Chunks() {
        func chunks(_ text: String) -> [String] {
            ids(PromptChunks(a1111: WeightedText(a1111: text), length: 10, comma: 0, tokenize: letters))
        }
        #expect(chunks("") == [""])
        #expect(chunks("abcdefghij") == ["abcdefghij"])
        #expect(chunks("abcdefghijkl") == ["abcdefghij", "kl"])
        #expect(chunks("abcdef,ghijkl") == ["abcdef,", "ghijkl"])
        #expect(chunks("ab BREAK cd") == ["ab", "cd"])
        #expect(chunks("ab BREAK") == ["ab"])
        #expect(chunks("a BREAK BREAK b") == ["a", "", "b"])
        let far = String(repeating: "x", count: 30)
        let long = PromptChunks(
            a1111: WeightedText(a1111: "a,\(far)y"), length: 30, comma: 0, tokenize: letters)
        #expect(ids(long) == ["a," + String(far.dropLast(2)), "xxy"], "a comma 28 tokens back is too far")
    }

    @Test("ComfyUI's chunks keep words together unless they are long")
    func comfyuiChunks() {
        func chunks(_ text: String) -> [String] {
            ids(PromptChunks(comfyui: WeightedText(comfyui: text), length: 10, tokenize: letters))
        }
        #expect(chunks("") == [""])
        #expect(chunks("abcd efgh ijkl") == ["abcdefgh", "ijkl"])
        #expect(chunks("abcdefg hijklmnop qr") == ["abcdefghij", "klmnopqr"])
        #expect(chunks("(abcdefghijklmnopqrstuvwxyz:1.2)") == ["abcdefghij", "klmnopqrst", "uvwxyz"])
    }
}
