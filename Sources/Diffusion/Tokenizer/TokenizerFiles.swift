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

    /// Reads lines of two tokens each, after a line `#version: …`.
    private static func merges(path: String) throws(DiffusionError) -> [(String, String)] {
        let file = try MappedFile(path: path)
        let lines = file.withBytes(in: 0..<file.count) { bytes in
            bytes.split(separator: UInt8(ascii: "\n")).map { line in String(validating: line, as: UTF8.self) }
        }
        var merges: [(String, String)] = []
        merges.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            // A version line is no merge, though "#" may begin one.
            if index == 0, line?.hasPrefix("#version") == true { continue }
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
