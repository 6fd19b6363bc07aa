import Foundation
import Testing

@testable import Diffusion

/// Damaged configs and tokenizers through the readers of models: each is refused with a sentence that names the file, or what it
/// asks for is compared with the tensors that are there.
///
/// A trap would end the test's process. `TMDNE_FUZZ=112000 scripts/test --filter ConfigFuzz` tries so many for each file, a million
/// in all, and watches over the memory that they take.
@Suite("Readers of damaged configs")
struct ConfigFuzzTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A file of a model, and how it is read by itself.
    enum Part: String, CaseIterable {
        case index = "model_index.json"
        case scheduler = "scheduler/scheduler_config.json"
        case textEncoder = "text_encoder/config.json"
        case unet = "unet/config.json"
        case vae = "vae/config.json"

        func read(_ path: String) throws(DiffusionError) {
            switch self {
            case .index: _ = try ConfigFile(path: path)
            case .scheduler: _ = try SchedulerConfig(path: path)
            case .textEncoder: _ = try TextEncoderConfig(path: path)
            case .unet: _ = try UNetConfig(path: path)
            case .vae: _ = try VAEConfig(path: path)
            }
        }
    }

    @Test("never trap, and name the file or what does not fit it", arguments: Part.allCases)
    func configs(part: Part) throws {
        try folder.copy("\(Golden.folder)/random-sd15")
        let model = "\(folder.path)/random-sd15"
        let bytes = Array(try Data(contentsOf: URL(filePath: "\(model)/\(part.rawValue)")))
        var mutator = Mutator(seed: UInt64(part.rawValue.utf8.count))
        var refused = 0
        try Fuzzing.run { _ in
            let path = try folder.write(mutator.mutate(bytes, first: bytes.count), to: "random-sd15/\(part.rawValue)")
            do throws(DiffusionError) {
                try part.read(path)
            } catch {
                try #require(error.description.hasPrefix(path) && error.description.hasSuffix("."))
                refused += 1
                return
            }
            do {
                try ModelFolder(path: model).check()
            } catch let error as DiffusionError {
                try #require(error.description.contains(model) && error.description.hasSuffix("."))
                refused += 1
            }
        }
        // Most changes hit keys that nobody reads, or break the JSON.
        #expect(refused > Fuzzing.rounds / 4)
    }

    /// A small tokenizer's files.
    enum TokenizerFile: String, CaseIterable {
        case vocabulary = "vocab.json"
        case merges = "merges.txt"
        case combined = "tokenizer.json"
        case special = "special_tokens_map.json"
    }

    @Test("of a tokenizer never trap, and give ids that the text encoder knows", arguments: TokenizerFile.allCases)
    func tokenizers(file: TokenizerFile) throws {
        let contents = Self.tokenizer
        for (other, text) in contents where (other == .combined) == (file == .combined) || other == .special {
            try folder.write(text, to: other.rawValue)
        }
        let bytes = Array(try #require(contents[file]).utf8)
        var mutator = Mutator(seed: UInt64(file.rawValue.utf8.count))
        var refused = 0
        try Fuzzing.run { _ in
            try folder.write(mutator.mutate(bytes, first: bytes.count), to: file.rawValue)
            let ids: [Int32]
            do throws(DiffusionError) {
                ids = try CLIPTokenizer(folder: folder.path, vocabularySize: 100)
                    .encode("an old man, abba 42 Ωé <|endoftext|> zzz")
            } catch {
                try #require(error.description.hasPrefix(folder.path) && error.description.hasSuffix("."))
                refused += 1
                return
            }
            try #require(ids.count == 77 && ids.allSatisfy { (0..<100).contains($0) })
        }
        #expect(refused > Fuzzing.rounds / 8)
    }

    private static let tokenizer: [TokenizerFile: String] = {
        let letters = "abdelmno42".map(String.init)
        let merges = [("a", "b"), ("ab", "b"), ("o", "l"), ("ol", "d</w>"), ("m", "a"), ("ma", "n</w>")]
        let tokens =
            letters + letters.map { $0 + "</w>" } + merges.map { $0.0 + $0.1 } + ["<|startoftext|>", "<|endoftext|>"]
        let entries = tokens.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
        let pairs = merges.map { "[\"\($0.0)\", \"\($0.1)\"]" }.joined(separator: ", ")
        return [
            .vocabulary: "{\(entries)}",
            .merges: "#version: 0.2\n" + merges.map { "\($0.0) \($0.1)\n" }.joined(),
            .combined: """
            {"added_tokens": [{"id": 26, "content": "<|startoftext|>"}, {"id": 27, "content": "<|endoftext|>"}],
             "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {\(entries)}, "merges": [\(pairs)]}}
            """,
            .special: """
            {"bos_token": {"content": "<|startoftext|>", "lstrip": false}, "eos_token": "<|endoftext|>",
             "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
            """,
        ]
    }()
}
