import Foundation

/// What the files of a tokenizer's folder say.
struct TokenizerFiles {
    /// Why a file is not a tokenizer's, as the middle of a sentence.
    struct Failure: Error {
        let problem: String

        init(_ problem: String) {
            self.problem = problem
        }
    }

    /// The id of each token.
    let vocabulary: [String: Int32]
    /// The pairs to merge, the first learned first.
    let merges: [(String, String)]
    let specialTokens: SpecialTokens
    /// The file that holds the merges, for messages.
    let path: String

    /// Which files there are: transformers saved two until its version 5, and one since.
    enum Layout {
        case combined(String)
        case split(vocabulary: String, merges: String)

        /// Looks for the files in `folder`.
        ///
        /// - Throws: ``DiffusionError/missingFile(path:remedy:)``.
        init(folder: String) throws(DiffusionError) {
            func path(_ name: String) -> String? {
                let path = "\(folder)/\(name)"
                return FileManager.default.fileExists(atPath: path) ? path : nil
            }
            let vocabulary = path("vocab.json")
            if let vocabulary, let merges = path("merges.txt") {
                self = .split(vocabulary: vocabulary, merges: merges)
            } else if let combined = path("tokenizer.json") {
                self = .combined(combined)
            } else {
                throw .missingFile(
                    path: "\(folder)/\(vocabulary == nil ? "vocab.json" : "merges.txt")",
                    remedy: "a tokenizer consists of vocab.json and merges.txt, or of tokenizer.json")
            }
        }
    }

    /// Reads the files in `folder`.
    init(folder: String) throws(DiffusionError) {
        specialTokens = try SpecialTokens(folder: folder)
        switch try Layout(folder: folder) {
        case .combined(let path):
            self.path = path
            let file = try JSONFile.decode(CombinedFile.self, path: path, as: "a tokenizer")
            try file.check(path: path)
            merges = file.model.merges.map(\.pair)
            let added = (file.addedTokens ?? []).map { ($0.content, $0.id) }
            vocabulary = file.model.vocabulary.merging(added) { own, _ in own }
        case .split(let vocabularyPath, let mergesPath):
            path = mergesPath
            vocabulary = try JSONFile.decode([String: Int32].self, path: vocabularyPath, as: "a vocabulary")
            merges = try Self.merges(path: mergesPath)
        }
        guard vocabulary.values.allSatisfy({ $0 >= 0 }) else {
            throw .invalidTokenizer(path: path, problem: "its vocabulary has a negative id")
        }
    }

    /// Derives a tokenizer from CLIP's merges alone, as checkpoints need it that carry none.
    ///
    /// The vocabulary has the bytes, the bytes at the end of a word, the merges' results and two special tokens, in this
    /// order: `SimpleTokenizer` of <https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py>, which reads so many
    /// lines of a longer file behind its first.
    ///
    /// - Parameters:
    ///   - path: of `bpe_simple_vocab_16e6.txt`, unpacked.
    ///   - padding: the token that fills prompts up.
    /// - Throws: ``DiffusionError`` when the file is missing or has too few merges.
    init(clipMerges path: String, padding: String) throws(DiffusionError) {
        self.path = path
        specialTokens = SpecialTokens(padding: padding)
        merges = try Self.merges(path: path, lineLimit: 1 + Self.clipMergeCount)
        guard merges.count == Self.clipMergeCount else {
            throw .invalidTokenizer(
                path: path, problem: "it has \(merges.count) merges instead of \(Self.clipMergeCount)")
        }
        // The characters' own order puts printable bytes first, as CLIP does.
        let symbols = ByteAlphabet.characters.sorted().map(String.init)
        let tokens =
            symbols + symbols.map { $0 + BytePairEncoder.endOfWord } + merges.map { $0.0 + $0.1 }
            + [specialTokens.start, specialTokens.end]
        vocabulary = Dictionary(zip(tokens, Int32(0)...), uniquingKeysWith: { first, _ in first })
    }

    /// 49,152 tokens without 256 bytes, and two that CLIP's own count leaves out.
    private static let clipMergeCount = 49_152 - 256 - 2

    /// Reads lines of two tokens each, after a line with the format's version.
    private static func merges(path: String, lineLimit: Int = .max) throws(DiffusionError) -> [(String, String)] {
        let file = try MappedFile(path: path)
        let lines = file.withBytes(in: 0..<file.count) { bytes in
            // What is behind the last line that counts stays in one piece.
            bytes.split(separator: UInt8(ascii: "\n"), maxSplits: lineLimit).prefix(lineLimit)
                .map { line in String(validating: line, as: UTF8.self) }
        }
        var merges: [(String, String)] = []
        merges.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            // A version line is no merge, though "#" may begin one.
            if index == 0, line?.contains("#version") == true { continue }
            guard let pair = line.flatMap(MergeEntry.init(line:))?.pair else {
                throw .invalidTokenizer(path: path, problem: "its line \(index + 1) is not a pair of tokens")
            }
            merges.append(pair)
        }
        return merges
    }
}

/// The parts of a `tokenizer.json` that decide the tokens of a CLIP tokenizer.
private struct CombinedFile: Decodable {
    struct Model: Decodable {
        enum CodingKeys: String, CodingKey {
            case endOfWordSuffix = "end_of_word_suffix"
            case merges
            case type
            case vocabulary = "vocab"
        }

        let endOfWordSuffix: String?
        let merges: [MergeEntry]
        let type: String?
        let vocabulary: [String: Int32]
    }

    struct AddedToken: Decodable {
        let content: String
        let id: Int32
    }

    enum CodingKeys: String, CodingKey {
        case addedTokens = "added_tokens"
        case model
    }

    let addedTokens: [AddedToken]?
    let model: Model

    func check(path: String) throws(DiffusionError) {
        guard model.type ?? "BPE" == "BPE" else {
            throw .invalidTokenizer(path: path, problem: "its model is \(model.type ?? "unknown"), not BPE")
        }
        guard model.endOfWordSuffix == BytePairEncoder.endOfWord else {
            throw .invalidTokenizer(path: path, problem: "its words do not end with \(BytePairEncoder.endOfWord)")
        }
    }
}

/// A pair of tokens, written as a list of two or as one string with a space between.
private struct MergeEntry: Decodable {
    let pair: (String, String)

    init?(line: String) {
        let tokens = line.split(whereSeparator: { $0 == " " || $0 == "\r" })
        guard tokens.count == 2 else { return nil }
        pair = (String(tokens[0]), String(tokens[1]))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let line = try (try? container.decode([String].self).joined(separator: " ")) ?? container.decode(String.self)
        guard let entry = MergeEntry(line: line) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a pair of tokens")
        }
        self = entry
    }
}
