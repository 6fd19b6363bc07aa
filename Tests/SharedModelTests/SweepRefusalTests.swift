import Foundation
import Testing

@testable import SharedModel

/// Lines 1 to 3 of a file that needs nothing more.
private let head = "model: m\nsize: 64x64\nprompts: p\n"
private let keys = Sweep.Key.allCases.map(\.rawValue)
private let samplers = [
    "ddim", "euler", "euler-a", "heun", "lms", "dpm2", "dpm2-a", "dpmpp-2m", "dpmpp-2m-sde", "dpmpp-sde",
    "dpmpp-3m-sde",
    "unipc", "pndm", "lcm", "tcd",
]
private let styles = ["sai-photographic", "none", "cinematic-default"]

@Suite("Sweep files that are refused")
struct SweepRefusalTests {
    /// A bad file and what is said of it.
    struct Refusal: CustomTestStringConvertible, Sendable {
        let yaml: String
        let line: Int?
        let problem: SweepProblem

        var testDescription: String { yaml.split(separator: "\n").last.map { String($0.prefix(60)) } ?? "" }
    }

    @Test(
        "a key that is wrong, missing or doubled",
        arguments: [
            Refusal(
                yaml: head + "prompt: q", line: 4, problem: .unknownKey("prompt", nearest: "prompts", all: keys)),
            Refusal(
                yaml: head + "\nnegative_prompt: q", line: 5,
                problem: .unknownKey("negative_prompt", nearest: "negative-prompt", all: keys)),
            Refusal(
                yaml: head + "gudiance: 5", line: 4, problem: .unknownKey("gudiance", nearest: "guidance", all: keys)),
            Refusal(yaml: head + "x: 5", line: 4, problem: .unknownKey("x", nearest: nil, all: keys)),
            Refusal(yaml: head + "[a]: 5", line: 4, problem: .unknownKey("[…]", nearest: nil, all: keys)),
            Refusal(yaml: head + "seed: 5\nseed: 6", line: 4, problem: .duplicateKey("seed")),
            Refusal(
                yaml: "size: 64x64\nprompts: p", line: nil, problem: .missingKey("model", example: "model: tmdne-tiny")),
            Refusal(yaml: "model: m\nprompts: p", line: nil, problem: .missingKey("size", example: "size: 512x512")),
            Refusal(
                yaml: "model: m\nsize: 64x64", line: nil,
                problem: .missingKey("prompts", example: "prompts: a mathematician at a blackboard")),
        ])
    func key(refusal: Refusal) { expect(refusal) }

    @Test(
        "a value of the wrong kind",
        arguments: [
            Refusal(yaml: "model: m\nsize: 64x64\nprompts: []", line: 3, problem: .empty(key: "prompts")),
            Refusal(yaml: head + "guidance: []", line: 4, problem: .empty(key: "guidance")),
            Refusal(yaml: head + "styles:\n  - [none]", line: 5, problem: .notAValue(key: "styles")),
            Refusal(
                yaml: "model: m\nsize: 64x64\nprompts:\n  - p\n  - red: hair", line: 5,
                problem: .notAValue(key: "prompts")),
            Refusal(yaml: head + "guidance: {from: {}, to: 5}", line: 4, problem: .notAValue(key: "guidance")),
            Refusal(yaml: head + "name: [a, b]", line: 4, problem: .notOneValue(key: "name")),
            Refusal(yaml: head + "shard-size: [1, 2]", line: 4, problem: .notOneValue(key: "shard-size")),
            Refusal(yaml: head + "name: ' '", line: 4, problem: .blankText(key: "name")),
            Refusal(yaml: head + #"name: "a\nb""#, line: 4, problem: .notALine(key: "name")),
            Refusal(yaml: head + "name: a\u{202E}b", line: 4, problem: .notALine(key: "name")),
            Refusal(yaml: head + "negative-prompt:", line: 4, problem: .blankText(key: "negative-prompt")),
            Refusal(
                yaml: "model: m\nsize: 64x64\nprompts:\n  - p\n  -\n", line: 5, problem: .blankText(key: "prompts")),
            Refusal(
                yaml: head + #"negative-prompt: "a\0b""#, line: 4,
                problem: .controlCharacterInText(key: "negative-prompt", 0)),
            Refusal(
                yaml: head + #"negative-prompt: "\u009f""#, line: 4,
                problem: .controlCharacterInText(key: "negative-prompt", 0x9F)),
            Refusal(
                yaml: head + "negative-prompt: " + String(repeating: "é", count: 4097), line: 4,
                problem: .textTooLong(key: "negative-prompt", bytes: 8194, limit: 8192)),
        ])
    func kind(refusal: Refusal) { expect(refusal) }

    @Test(
        "a number or a range that cannot be",
        arguments: [
            Refusal(yaml: head + "seed: five", line: 4, problem: .notANumber(key: "seed", "five")),
            Refusal(yaml: head + "seed:", line: 4, problem: .notANumber(key: "seed", "")),
            Refusal(yaml: head + "guidance: .nan", line: 4, problem: .notANumber(key: "guidance", ".nan")),
            Refusal(yaml: head + "guidance: .inf", line: 4, problem: .notANumber(key: "guidance", ".inf")),
            Refusal(yaml: head + "guidance: 1e3", line: 4, problem: .notANumber(key: "guidance", "1e3")),
            Refusal(yaml: head + "guidance: 0x10", line: 4, problem: .notANumber(key: "guidance", "0x10")),
            Refusal(yaml: head + "guidance: 1_000", line: 4, problem: .notANumber(key: "guidance", "1_000")),
            Refusal(yaml: head + "guidance: ٥", line: 4, problem: .notANumber(key: "guidance", "٥")),
            Refusal(yaml: head + "guidance: .", line: 4, problem: .notANumber(key: "guidance", ".")),
            Refusal(yaml: head + "guidance: '-'", line: 4, problem: .notANumber(key: "guidance", "-")),
            Refusal(yaml: head + "guidance: 1.2.3", line: 4, problem: .notANumber(key: "guidance", "1.2.3")),
            Refusal(
                yaml: head + "guidance: 5.0123456789", line: 4,
                problem: .tooManyPlaces(key: "guidance", "5.0123456789", limit: 9)),
            Refusal(yaml: head + "steps: 20.5", line: 4, problem: .notWhole(key: "steps", "20.5")),
            Refusal(
                yaml: head + "steps: 0", line: 4, problem: .outOfBounds(key: "steps", "0", lower: "1", upper: "1000")),
            Refusal(
                yaml: head + "steps: [5, 1001]", line: 4,
                problem: .outOfBounds(key: "steps", "1001", lower: "1", upper: "1000")),
            Refusal(
                yaml: head + "guidance: -0.5", line: 4,
                problem: .outOfBounds(key: "guidance", "-0.5", lower: "0", upper: "1000")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 1000.5, step: 0.5}", line: 4,
                problem: .outOfBounds(key: "guidance", "1000.5", lower: "0", upper: "1000")),
            Refusal(
                yaml: head + "seed: -1", line: 4,
                problem: .outOfBounds(key: "seed", "-1", lower: "0", upper: "18446744073709551615")),
            Refusal(
                yaml: head + "seed: 18446744073709551616", line: 4,
                problem: .outOfBounds(
                    key: "seed", "18446744073709551616", lower: "0", upper: "18446744073709551615")),
            Refusal(
                yaml: head + "seed: 184467440737095516150", line: 4,
                problem: .notANumber(key: "seed", "184467440737095516150")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 18.5, step: 1}", line: 4,
                problem: .stepMissesEnd(key: "guidance", last: "18", next: "19", to: "18.5")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, step: 2}", line: 4,
                problem: .stepMissesEnd(key: "guidance", last: "5", next: "7", to: "6")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, step: 0}", line: 4,
                problem: .stepNotPositive(key: "guidance", "0")),
            Refusal(
                yaml: head + "guidance: {from: 6, to: 5, step: -0.5}", line: 4,
                problem: .stepNotPositive(key: "guidance", "-0.5")),
            Refusal(
                yaml: head + "guidance: {from: 6, to: 5, step: 0.5}", line: 4,
                problem: .rangeDescends(key: "guidance", from: "6", to: "5")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, count: 4}", line: 4,
                problem: .countInexact(key: "guidance", from: "5", to: "6", count: "4")),
            Refusal(
                yaml: head + "steps: {from: 1, to: 2, count: 3}", line: 4,
                problem: .countInexact(key: "steps", from: "1", to: "2", count: "3")),
            Refusal(
                yaml: head + "steps: {from: 1, to: 2, step: 0.5}", line: 4, problem: .notWhole(key: "steps", "0.5")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, count: 1}", line: 4,
                problem: .countTooSmall(key: "guidance", "1")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 5, count: 0}", line: 4,
                problem: .countTooSmall(key: "guidance", "0")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, count: 2.5}", line: 4, problem: .notWhole(key: "count", "2.5")),
            Refusal(yaml: head + "guidance: {from: 5, to: 6}", line: 4, problem: .rangeKeys(key: "guidance")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, step: 1, count: 2}", line: 4,
                problem: .rangeKeys(key: "guidance")),
            Refusal(
                yaml: head + "guidance: {from: 5, to: 6, by: 1}", line: 4, problem: .rangeKeys(key: "guidance")),
            Refusal(
                yaml: head + "shard-size: 0", line: 4,
                problem: .outOfBounds(key: "shard-size", "0", lower: "1", upper: "256")),
        ])
    func number(refusal: Refusal) { expect(refusal) }

    @Test(
        "a size, sampler or style that does not exist",
        arguments: [
            Refusal(yaml: "model: m\nprompts: p\nsize: 512", line: 3, problem: .notASize("512")),
            Refusal(yaml: "model: m\nprompts: p\nsize: 512x", line: 3, problem: .notASize("512x")),
            Refusal(yaml: "model: m\nprompts: p\nsize: x512", line: 3, problem: .notASize("x512")),
            Refusal(yaml: "model: m\nprompts: p\nsize: 512x512x3", line: 3, problem: .notASize("512x512x3")),
            Refusal(yaml: "model: m\nprompts: p\nsize: +512x-8", line: 3, problem: .notASize("+512x-8")),
            Refusal(yaml: "model: m\nprompts: p\nsize: 512x500", line: 3, problem: .sizeOutOfBounds("512x500")),
            Refusal(yaml: "model: m\nprompts: p\nsize: 56x512", line: 3, problem: .sizeOutOfBounds("56x512")),
            Refusal(
                yaml: "model: m\nprompts: p\nsize:\n  - 64x64\n  - 4096x4104", line: 5,
                problem: .sizeOutOfBounds("4096x4104")),
            Refusal(
                yaml: "model: m\nprompts: p\nsize: 99999999999999999999x8", line: 3,
                problem: .notASize("99999999999999999999x8")),
            Refusal(
                yaml: head + "sampler: dpm++-2m-karras", line: 4,
                problem: .unknownSampler("dpm++-2m-karras", nearest: "dpmpp-2m-karras", all: samplers)),
            Refusal(
                yaml: head + "styles: [none, photographic]", line: 4,
                problem: .unknownStyle("photographic", nearest: "sai-photographic", all: styles)),
        ])
    func name(refusal: Refusal) { expect(refusal) }

    @Test(
        "text that is no sweep file",
        arguments: [
            Refusal(yaml: "", line: nil, problem: .notAMapping),
            Refusal(yaml: "# only a comment\n", line: nil, problem: .notAMapping),
            Refusal(yaml: "- a\n- b", line: 1, problem: .notAMapping),
            Refusal(yaml: "a text", line: 1, problem: .notAMapping),
            Refusal(
                yaml: head + "seed:\n\t- 5", line: 5,
                problem: .notYAML("while scanning for the next token, found character that cannot start any token")),
            Refusal(
                yaml: head + "steps: [1, 2", line: 5,
                problem: .notYAML("while parsing a flow sequence, did not find expected ',' or ']'")),
            Refusal(yaml: head + "negative-prompt: *b", line: 4, problem: .notYAML("found undefined alias")),
            Refusal(
                yaml: head + "---\n" + head, line: 4,
                problem: .notYAML("expected a single document in the stream, but found another document")),
            Refusal(yaml: "name: a\u{1}b", line: 1, problem: .controlCharacter(1)),
            Refusal(yaml: "model: m\n\nname: a\u{0}b", line: 3, problem: .controlCharacter(0)),
        ])
    func text(refusal: Refusal) { expect(refusal) }

    @Test("a grid of a million millions is refused before anything is made of it")
    func hugeGrids() {
        let million = "{from: 1, to: 1000000, step: 1}"
        expect(
            Refusal(
                yaml: head + "seed: \(million)\nguidance: {from: 0, to: 1, count: 1000001}", line: nil,
                problem: .tooManyPositions(atLeast: 1_000_001_000_000, limit: 10_000_000)))
        expect(
            Refusal(
                yaml: head + "seed: {from: 1, to: 1000000000000, step: 1}", line: 4,
                problem: .tooManyPositions(atLeast: 1_000_000_000_000, limit: 10_000_000)))
        expect(
            Refusal(
                yaml: head + "seed: {from: 0, to: 18446744073709551615, step: 1}", line: 4,
                problem: .tooManyPositions(atLeast: .max, limit: 10_000_000)))
    }

    @Test("a bomb of aliases is refused before it is parsed", .timeLimit(.minutes(1)))
    func billionLaughs() {
        let values = (1...9).map { level in
            "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]"
        }
        let shadows = Array(repeating: "? &b [*b, *b]\n: 1", count: 40)
        for text in [
            "a0: &a0 lol\n" + values.joined(separator: "\n"),
            "a0: &a0 lol\n" + values.joined(separator: "\n") + "\n? *a9\n: 1",
            "? &b [b]\n: 1\n" + shadows.joined(separator: "\n"),
        ] {
            expect(Refusal(yaml: text, line: nil, problem: .aliasesExpandTooFar))
        }
    }

    @Test("a hundred thousand brackets overflow no stack", .timeLimit(.minutes(1)))
    func depth() {
        for bracket in ["[", "{", "- ", "? "] {
            #expect(error(of: "prompts: " + String(repeating: bracket, count: 100_000)) != nil)
            #expect(error(of: String(repeating: bracket, count: 100_000)) != nil)
            #expect(error(of: head + "seed: " + String(repeating: bracket, count: 900)) != nil)
        }
        #expect(
            error(of: head + "seed: " + String(repeating: "[", count: 900) + String(repeating: "]", count: 900)) != nil)
    }

    @Test("a file that is too long or not UTF-8 is refused")
    func bytes() {
        let long = [UInt8](repeating: UInt8(ascii: " "), count: (16 << 20) + 1)
        #expect(throws: SharedModelError.tooLong(path: "sweep.yaml", limit: 16 << 20)) {
            try Sweep(yaml: long, file: "sweep.yaml")
        }
        #expect(throws: SharedModelError.sweep(file: "sweep.yaml", line: nil, problem: .notText)) {
            try Sweep(yaml: [0xFF, 0xFE, 0x61, 0], file: "sweep.yaml")
        }
    }

    @Test("a file that cannot be read is named with the reason")
    func unreadable() throws {
        let missing = #expect(throws: SharedModelError.self) { try Sweep(contentsOf: "/nowhere/sweep.yaml") }
        #expect(missing?.description == "/nowhere/sweep.yaml cannot be read: no such file or directory; check the path")
        let folder = #expect(throws: SharedModelError.self) { try Sweep(contentsOf: "/tmp") }
        #expect(folder?.description == "/tmp cannot be read: is a directory; check the path")
        let endless = #expect(throws: SharedModelError.self) { try Sweep(contentsOf: "/dev/zero") }
        #expect(endless == .tooLong(path: "/dev/zero", limit: 16 << 20))
    }

    @Test("an error shows a person's text on one line, without control characters and cut")
    func quotedText() {
        let text = "a\u{1B}[31m\n" + String(repeating: "b", count: 100)
        #expect(quoted(text) == "'a [31m " + String(repeating: "b", count: 50) + "…'")
        let error = error(of: head + #"sampler: "\e[2Jdim""#)
        #expect(error?.description.contains("\u{1B}") == false)
    }

    private func error(of yaml: String) -> SharedModelError? {
        do throws(SharedModelError) {
            _ = try Sweep(yaml: Array(yaml.utf8), file: "sweep.yaml")
            return nil
        } catch {
            return error
        }
    }

    private func expect(_ refusal: Refusal, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = error(of: refusal.yaml)
        #expect(
            error == .sweep(file: "sweep.yaml", line: refusal.line, problem: refusal.problem),
            sourceLocation: sourceLocation)
        let sentence = error?.description ?? ""
        let place = refusal.line.map { "sweep.yaml:\($0): " } ?? "sweep.yaml: "
        #expect(sentence.hasPrefix(place) && !sentence.contains("\n"), sourceLocation: sourceLocation)
    }
}
