import Diffusion
import Foundation
import Testing

@Suite("The tokenizer")
struct CLIPTokenizerTests {
    private let source = "\(Golden.model)/tokenizer"
    private let tokenizer: CLIPTokenizer
    private let folder: TemporaryFolder

    init() throws {
        tokenizer = try CLIPTokenizer(folder: source)
        folder = try TemporaryFolder()
    }

    private struct GoldenFile: Decodable {
        struct Entry: Decodable {
            let prompt: String?
        }

        let entries: [String: Entry]
    }

    private struct HardText: Decodable {
        let text: String
        let ids: [Int32]
    }

    @Test("gives the reference's tokens for whole prompts, filled up or cut to 77", arguments: 0..<12)
    func prompts(index: Int) throws {
        let name = "tokens.\(index)"
        let prompt = try #require(Golden.json("golden", as: GoldenFile.self).entries[name]?.prompt)
        #expect(try tokenizer.encode(prompt) == Golden.open("tokens").int32s(name, shape: [77]))
    }

    @Test("gives the reference's tokens for texts that are hard to split")
    func hardTexts() throws {
        let tokenizer = try CLIPTokenizer(folder: source, contextLength: 4096)
        for hard in try Golden.json("tokens_hard", as: [HardText].self) {
            let ids = tokenizer.encode(hard.text)
            #expect(Array(ids.prefix(hard.ids.count)) == hard.ids, "\(hard.text.debugDescription)")
            #expect(ids.dropFirst(hard.ids.count).allSatisfy { $0 == ids.last })
        }
    }

    @Test("keeps the end token and tells what was cut")
    func cutting() throws {
        let fitting = tokenizer.tokenize(Array(repeating: "blackboard", count: 75).joined(separator: " "))
        #expect(fitting.cutCount == 0 && fitting.cutText == "")
        let prompt = Array(repeating: "blackboard", count: 75).joined(separator: " ") + ", Ćafé with red hair"
        let cut = tokenizer.tokenize(prompt)
        #expect(cut.ids == fitting.ids)
        #expect(cut.ids.count == 77 && cut.ids.last == tokenizer.encode("").last)
        #expect(cut.cutText == ", ćafé with red hair")
        #expect(cut.cutCount > 5)
    }

    @Test("is quick even with a word of a hundred thousand letters")
    func longWord() {
        let duration = ContinuousClock().measure {
            #expect(tokenizer.encode(String(repeating: "mathematics", count: 10_000)).count == 77)
        }
        #expect(duration < .seconds(5))
    }

    /// How `tokenizer.json` writes a merge.
    enum MergeForm: CaseIterable {
        case pair
        case line
    }

    @Test("reads tokenizer.json with merges of either form", arguments: MergeForm.allCases)
    func combinedFile(form: MergeForm) throws {
        let vocabulary = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: "\(source)/vocab.json")))
        var words = try #require(vocabulary as? [String: Int])
        let end = try #require(words["<|endoftext|>"])
        words["<|endoftext|>"] = nil
        let merges = try String(contentsOfFile: "\(source)/merges.txt", encoding: .utf8)
            .split(separator: "\n").dropFirst().map(String.init)
        let json: [String: Any] = [
            "added_tokens": [["id": end, "content": "<|endoftext|>", "special": true]],
            "model": [
                "type": "BPE", "end_of_word_suffix": "</w>", "vocab": words,
                "merges": form == .line ? merges : merges.map { $0.split(separator: " ").map(String.init) },
            ] as [String: Any],
        ]
        try folder.write(JSONSerialization.data(withJSONObject: json), to: "tokenizer.json")
        let combined = try CLIPTokenizer(folder: folder.path)
        let prompt = "Young woman, it's 2024: naïve <|endoftext|> café"
        #expect(combined.encode(prompt) == tokenizer.encode(prompt))
    }

    @Test(
        "pads with the token that the folder names, in either way of writing it",
        arguments: [
            ["special_tokens_map.json": #"{"pad_token": "!"}"#],
            ["tokenizer_config.json": #"{"pad_token": {"content": "!", "special": true}, "bos_token": null}"#],
            [
                "tokenizer_config.json": #"{"pad_token": "<|endoftext|>"}"#,
                "special_tokens_map.json": #"{"pad_token": {"content": "!"}}"#,
            ],
        ])
    func padding(files: [String: String]) throws {
        try folder.copy("\(source)/vocab.json")
        try folder.copy("\(source)/merges.txt")
        for (name, text) in files { try folder.write(text, to: name) }
        let padded = try CLIPTokenizer(folder: folder.path)
        // The padding token then also is itself in a text: "cat! stop!!" as the reference splits it.
        let ids = padded.encode("a cat! stop!!")
        #expect(ids.last == 0)
        #expect(ids.filter { $0 == 0 }.count == 77 - 11 + 3)
        #expect(padded.encode("a")[2] == tokenizer.encode("")[1])
    }

    /// A change of the folder, and what must be said about it.
    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let files: [String: String]
        let blamed: String
        let problem: String
    }

    static let vocabulary = #"{"a": 0, "b</w>": 1, "ab</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4}"#

    @Test(
        "refuses files of something else, with the reason",
        arguments: [
            Damage(
                testDescription: "merge of unknown tokens", files: ["merges.txt": "#version: 0.2\na b</w>\na c\n"],
                blamed: "merges.txt", problem: "it merges \"a\" and \"c\", which its vocabulary does not know"),
            Damage(
                testDescription: "line of three tokens", files: ["merges.txt": "#version: 0.2\r\na b</w>\r\na b c\r\n"],
                blamed: "merges.txt", problem: "its line 3 is not a pair of tokens"),
            Damage(
                testDescription: "no end token", files: ["vocab.json": #"{"<|startoftext|>": 3}"#],
                blamed: "merges.txt",
                problem: "its vocabulary lacks the special token \"<|endoftext|>\""),
            Damage(
                testDescription: "negative id", files: ["vocab.json": #"{"a": -1}"#], blamed: "merges.txt",
                problem: "its vocabulary has a negative id"),
            Damage(
                testDescription: "ids beyond the text encoder's",
                files: ["vocab.json": vocabulary.replacing("2", with: "5")], blamed: "merges.txt",
                problem: "its token \"ab</w>\" has the id 5, but the text encoder only 5 tokens"),
            Damage(
                testDescription: "another model",
                files: [
                    "merges.txt": "",
                    "tokenizer.json":
                        #"{"model": {"type": "Unigram", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"}}"#,
                ], blamed: "tokenizer.json", problem: "its model is Unigram, not BPE"),
            Damage(
                testDescription: "GPT-2",
                files: [
                    "merges.txt": "", "tokenizer.json": #"{"model": {"type": "BPE", "vocab": {}, "merges": []}}"#,
                ], blamed: "tokenizer.json", problem: "its words do not end with </w>"),
        ])
    func foreignFiles(_ damage: Damage) throws {
        try folder.write(Self.vocabulary, to: "vocab.json")
        try folder.write("#version: 0.2\na b</w>\n", to: "merges.txt")
        for (name, text) in damage.files { try folder.write(text, to: name) }
        if damage.blamed == "tokenizer.json" {
            try FileManager.default.removeItem(atPath: "\(folder.path)/merges.txt")
        }
        let path = "\(folder.path)/\(damage.blamed)"
        #expect(throws: DiffusionError.invalidTokenizer(path: path, problem: damage.problem)) {
            try CLIPTokenizer(folder: folder.path, vocabularySize: 5)
        }
    }

    @Test("refuses files that are not readable at all")
    func unreadable() throws {
        let remedy = "a tokenizer consists of vocab.json and merges.txt, or of tokenizer.json"
        #expect(throws: DiffusionError.missingFile(path: "\(folder.path)/vocab.json", remedy: remedy)) {
            try CLIPTokenizer(folder: folder.path)
        }
        let path = try folder.write("[]", to: "vocab.json")
        #expect(throws: DiffusionError.missingFile(path: "\(folder.path)/merges.txt", remedy: remedy)) {
            try CLIPTokenizer(folder: folder.path)
        }
        try folder.write("#version: 0.2", to: "merges.txt")
        let reason = "it is not a vocabulary in JSON; download it again"
        #expect(throws: DiffusionError.unreadableFile(path: path, reason: reason)) {
            try CLIPTokenizer(folder: folder.path)
        }
        try folder.write(Self.vocabulary, to: "vocab.json")
        let merges = try folder.write([0x61, 0x20, 0xFF], to: "merges.txt")
        #expect(
            throws: DiffusionError.invalidTokenizer(path: merges, problem: "its line 1 is not a pair of tokens")
        ) { try CLIPTokenizer(folder: folder.path) }
    }
}
