import Foundation
import Testing

@testable import SharedModel

@Suite("Cells and their keys")
struct CellKeyTests {
    // Both lines were printed by Python:
    //   cell = {"fingerprint": "ab" * 32, "guidance": 7.5, "height": 768, "negativePrompt": "bangs curls",
    //           "prompt": "a \"mathematician\" \\ at a/blackboard,\n\tπ ≈ 3,  👩‍🏫", "sampler": "dpmpp-2m-karras",
    //           "seed": 18446744073709551615, "steps": 20, "width": 512}
    //   text = json.dumps(cell, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    //   print(text, hashlib.sha256(text.encode()).hexdigest())
    private static let goldenJSON =
        #"{"fingerprint":"abababababababababababababababababababababababababababababababab","guidance":7.5,"#
        + #""height":768,"negativePrompt":"bangs curls","prompt":"a \"mathematician\" \\ at a/blackboard,\n\tπ ≈ 3,  "#
        + #"👩‍🏫","sampler":"dpmpp-2m-karras","seed":18446744073709551615,"steps":20,"width":512}"#
    private static let goldenKey = "71c3f711b034749f1f62bd28e5a2f80b15e5f8c41bc6a1dad20d247f1bc8ef5f"

    @Test("the canonical JSON and its SHA-256 are those that Python makes")
    func golden() {
        let cell = Cell.sample(
            prompt: "a \"mathematician\" \\ at a/blackboard,\n\tπ ≈ 3,  👩‍🏫", negativePrompt: "bangs curls",
            guidance: "7.5",
            seed: .max)
        #expect(String(decoding: cell.canonicalJSON, as: UTF8.self) == Self.goldenJSON)
        #expect(cell.key.hex == Self.goldenKey)
    }

    @Test("5, 5.0 and 5.00 give one key, 5.01 another")
    func trailingZeros() throws {
        let keys = try ["5", "5.0", "5.00", "05", "5.01"].map { text in
            Cell.sample(guidance: try ExactNumber(text, key: "guidance").decimal.canonicalText).key
        }
        #expect(Set(keys[..<4]).count == 1)
        #expect(keys[4] != keys[0])
        #expect(Cell.sample(guidance: "5.00").key == keys[0])
        #expect(Cell.sample(guidance: "100.0").canonicalJSON == Cell.sample(guidance: "100").canonicalJSON)
    }

    @Test(
        "a decimal has one canonical text, however its digits and exponent are stored",
        arguments: [
            (750, -2, "7.5"), (7500, -3, "7.5"), (5, 2, "500"), (0, -3, "0"), (1, -9, "0.000000001"), (100, 0, "100"),
        ])
    func canonicalText(significand: Int, exponent: Int, text: String) {
        #expect(Decimal(sign: .plus, exponent: exponent, significand: Decimal(significand)).canonicalText == text)
    }

    @Test(
        "the canonical JSON equals the encoder's",
        arguments: [
            "", " ", "\"", "\\", "\\n", "/", "</script>", "{prompt}", "\n\r\t\u{8}\u{C}",
            "\u{0}\u{1}\u{F}\u{10}\u{1F}\u{7F}",
            "é", "e\u{301}", "\u{2028}\u{2029}\u{85}", "\u{FEFF}\u{FFFD}\u{FFFF}", "👩‍🏫🏳️‍🌈", "𝔐𝔞𝔱𝔥", "\u{10FFFF}", "\r\n",
        ])
    func encoder(text: String) throws {
        let cell = Cell.sample(prompt: text, negativePrompt: text + text, guidance: "18.5")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let encoded = try encoder.encode(cell)
        #expect(Array(encoded) == cell.canonicalJSON)
        #expect(try JSONDecoder().decode(Cell.self, from: encoded).key == cell.key)
    }

    @Test("guidance survives JSON exactly")
    func guidanceInJSON() throws {
        let numbers = try ["0", "0.1", "5.3", "7.7", "18.35", "0.000000001", "999.999999999", "1000"].map { text in
            try ExactNumber(text, key: "guidance").decimal
        }
        let read = try JSONDecoder().decode([Decimal].self, from: JSONEncoder().encode(numbers))
        #expect(read == numbers)
        #expect(read.map(\.canonicalText) == numbers.map(\.canonicalText))
    }

    @Test("every field changes the key")
    func fields() {
        let cell = Cell.sample()
        var others = Array(repeating: cell, count: 9)
        others[0].fingerprint += "0"
        others[1].guidance += 1
        others[2].height += 8
        others[3].negativePrompt += " "
        others[4].prompt += " "
        others[5].sampler = .euler
        others[6].seed += 1
        others[7].steps += 1
        others[8].width += 8
        #expect(Set(others.map(\.key) + [cell.key]).count == 10)
    }

    @Test("a key is 64 lower-case hexadecimal digits and nothing else")
    func hex() throws {
        let digits = String(repeating: "0123456789abcdef", count: 4)
        #expect(try #require(CellKey(hex: digits)).hex == digits)
        #expect(CellKey(hex: String(digits.dropLast())) == nil)
        #expect(CellKey(hex: digits + "0") == nil)
        #expect(CellKey(hex: digits.uppercased()) == nil)
        #expect(CellKey(hex: "g" + digits.dropFirst()) == nil)
        #expect(CellKey(hex: String(repeating: "é", count: 32)) == nil)
    }
}

extension Cell {
    static func sample(
        prompt: String = "a mathematician", negativePrompt: String = "", guidance: String = "7.5", seed: UInt64 = 42
    ) -> Cell {
        Cell(
            fingerprint: String(repeating: "ab", count: 32), guidance: Decimal(string: guidance) ?? .nan, height: 768,
            negativePrompt: negativePrompt, prompt: prompt, sampler: .dpmpp2mKarras, seed: seed, steps: 20, width: 512)
    }
}
