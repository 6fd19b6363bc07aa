import Foundation
import Testing

@testable import Diffusion

@Suite("CLIP's own tokenizer")
struct CLIPMergesTests {
    /// Where `tmdne doctor --fix` puts the merges; they are no part of the project.
    private static let merges: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache"
        return "\(cache)/tmdne/tokenizer/bpe_simple_vocab_16e6.txt"
    }()

    private struct Entry: Decodable {
        var text: String
        var padding: String
        var ids: [Int32]
    }

    @Test(
        "gives transformers' tokens from the merges alone, with both ways of padding",
        .enabled("run `tmdne doctor --fix` to fetch the merges") { FileManager.default.fileExists(atPath: merges) })
    func tokens() throws {
        let golden = try Golden.json("tokens_clip", as: [Entry].self)
        for padding in ["<|endoftext|>", "!"] {
            let tokenizer = try CLIPTokenizer(
                clipMerges: Self.merges, padding: padding, contextLength: 77, vocabularySize: 49_408)
            for entry in golden where entry.padding == padding {
                #expect(tokenizer.encode(entry.text) == entry.ids, "\(entry.text.debugDescription), \(padding)")
            }
        }
    }

    @Test("numbers bytes, bytes at a word's end, merges and special tokens, and reads no further")
    func numbering() throws {
        let folder = try TemporaryFolder()
        // The first two bytes of CLIP's order are "!" and a quotation mark; what follows the last merge is no pair.
        let symbols = ByteAlphabet.characters.map(String.init)
        var pairs = ["! \"</w>"]
        for left in symbols { pairs += symbols.map { "\(left) \($0)" } }
        let lines = ["\"bpe_simple_vocab_16e6.txt#version: 0.2"] + pairs.prefix(48_894) + ["behind the last one"]
        let path = try folder.write(lines.joined(separator: "\n"), to: "merges.txt")
        let tokenizer = try CLIPTokenizer(clipMerges: path, padding: "<|endoftext|>", contextLength: 5)
        #expect(tokenizer.encode("!\"") == [49_406, 512, 49_407, 49_407, 49_407])
        // Lower case, and the last byte of a word.
        #expect(tokenizer.encode("A") == [49_406, 256 + 64, 49_407, 49_407, 49_407])
    }

    @Test("refuses a file with too few merges")
    func short() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("#version: 0.2\na b\nc d\n", to: "merges.txt")
        let error = DiffusionError.invalidTokenizer(path: path, problem: "it has 2 merges instead of 48894")
        #expect(throws: error) { try CLIPTokenizer(clipMerges: path, padding: "!", contextLength: 77) }
    }

    @Test("is asked for by its remedy when a checkpoint is to encode without it")
    func missing() throws {
        let folder = try TemporaryFolder()
        let model = try Checkpoint(path: CheckpointTable("sd15").write(to: folder), clipMerges: nil)
        let error = #expect(throws: DiffusionError.self) { try model.tokenizers() }
        #expect(try #require(error).description.contains("run `tmdne doctor --fix`"))
    }
}
