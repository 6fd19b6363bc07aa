import Foundation

/// CLIP's tokenizer: lower-cased text, split into words, digits and signs, whose bytes are merged into tokens.
///
/// Equal to the fast tokenizer of transformers, token for token.
package struct CLIPTokenizer: Sendable {
    /// Number of tokens that a prompt is filled up or cut to, the start and end token included.
    package let contextLength: Int
    private let encoder: BytePairEncoder
    private let startID: Int32
    private let endID: Int32
    private let paddingID: Int32
    /// The special tokens as they may stand in a text, the longest first.
    private let markers: [(scalars: [Unicode.Scalar], id: Int32)]
    private let spellings: [Int32: String]

    /// Reads the tokenizer's files in `folder`: `vocab.json` and `merges.txt`, or `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - folder: the model's `tokenizer` folder.
    ///   - contextLength: number of positions of the text encoder, at least 3.
    ///   - vocabularySize: number of token embeddings, which all ids must be below.
    /// - Throws: ``DiffusionError`` when a file is missing, damaged or not a CLIP tokenizer's.
    package init(folder: String, contextLength: Int = 77, vocabularySize: Int = .max) throws(DiffusionError) {
        try self.init(TokenizerFiles(folder: folder), contextLength: contextLength, vocabularySize: vocabularySize)
    }

    /// CLIP's own tokenizer, for models that carry none.
    ///
    /// - Parameters:
    ///   - path: of `bpe_simple_vocab_16e6.txt`, unpacked.
    ///   - padding: the token that fills prompts up, which the text encoder decides.
    ///   - contextLength: number of positions of the text encoder, at least 3.
    ///   - vocabularySize: number of token embeddings, which all ids must be below.
    /// - Throws: ``DiffusionError`` when the file is missing or damaged.
    init(
        clipMerges path: String, padding: String, contextLength: Int, vocabularySize: Int = .max
    ) throws(DiffusionError) {
        try self.init(
            TokenizerFiles(clipMerges: path, padding: padding), contextLength: contextLength,
            vocabularySize: vocabularySize)
    }

    private init(_ files: TokenizerFiles, contextLength: Int, vocabularySize: Int) throws(DiffusionError) {
        precondition(contextLength >= 3, "a prompt needs a start, an end and something between")
        let special = files.specialTokens
        func id(_ token: String) throws(DiffusionError) -> Int32 {
            guard let id = files.vocabulary[token] else {
                throw .invalidTokenizer(
                    path: files.path, problem: "its vocabulary lacks the special token \"\(token)\"")
            }
            return id
        }
        self.contextLength = contextLength
        startID = try id(special.start)
        endID = try id(special.end)
        paddingID = try id(special.padding)
        let unknownID = try id(special.unknown)
        var markers: [(scalars: [Unicode.Scalar], id: Int32)] = []
        for token in Set([special.start, special.end, special.padding, special.unknown]) where !token.isEmpty {
            try markers.append((scalars: Array(token.unicodeScalars), id: id(token)))
        }
        self.markers = markers.sorted { $0.scalars.count > $1.scalars.count }
        spellings = Dictionary(files.vocabulary.map { ($0.value, $0.key) }, uniquingKeysWith: min)
        if let (id, token) = spellings.max(by: { $0.key < $1.key }), id >= vocabularySize {
            let problem = "its token \"\(token)\" has the id \(id), but the text encoder only \(vocabularySize) tokens"
            throw .invalidTokenizer(path: files.path, problem: problem)
        }
        do throws(TokenizerFiles.Failure) {
            encoder = try BytePairEncoder(vocabulary: files.vocabulary, merges: files.merges, unknown: unknownID)
        } catch {
            throw .invalidTokenizer(path: files.path, problem: error.problem)
        }
    }

    /// The token ids of a prompt: start, text, end, padding; what is too long is cut before the end token.
    package func encode(_ text: String) -> [Int32] {
        tokenize(text).ids
    }

    /// As ``encode(_:)``, with what had to be cut.
    package func tokenize(_ text: String) -> TokenizedPrompt {
        let tokens = tokens(of: text)
        let kept = tokens.prefix(contextLength - 2)
        let cut = tokens.dropFirst(contextLength - 2)
        return TokenizedPrompt(ids: sequence(Array(kept)), cutCount: cut.count, cutText: decode(cut))
    }

    /// The tokens of a chunk between start and end, padded; there must not be more than fit.
    func sequence(_ tokens: [Int32]) -> [Int32] {
        precondition(tokens.count <= contextLength - 2, "a chunk has room for start and end")
        let padding = Array(repeating: paddingID, count: contextLength - 2 - tokens.count)
        return [startID] + tokens + [endID] + padding
    }

    /// The tokens of the text alone.
    func tokens(of text: String) -> [Int32] {
        var tokens: [Int32] = []
        var rest = Array(text.unicodeScalars)[...]
        var segment = String.UnicodeScalarView()
        // Special tokens are taken out of the text as it was typed, and what lies between is normalised by itself.
        while let scalar = rest.first {
            if let marker = markers.first(where: { rest.starts(with: $0.scalars) }) {
                tokens += self.tokens(ofSegment: String(segment)) + [marker.id]
                segment.removeAll()
                rest = rest.dropFirst(marker.scalars.count)
            } else {
                segment.append(scalar)
                rest = rest.dropFirst()
            }
        }
        return tokens + self.tokens(ofSegment: String(segment))
    }

    private func tokens(ofSegment text: String) -> [Int32] {
        let composed = text.precomposedStringWithCanonicalMapping
        // Scalar by scalar: lower-casing a whole string would turn a final Σ into ς, unlike the reference.
        let scalars = composed.unicodeScalars.flatMap(\.properties.lowercaseMapping.unicodeScalars)
        return PieceScanner(scalars).flatMap { piece in
            encoder.encode(piece.flatMap(\.utf8))
        }
    }

    /// The text that tokens stand for, with a space behind each word.
    private func decode(_ tokens: some Sequence<Int32>) -> String {
        let spelled = tokens.map { spellings[$0] ?? "" }.joined()
        let words = spelled.components(separatedBy: BytePairEncoder.endOfWord).map { word in
            String(
                decoding: word.flatMap { character in ByteAlphabet.bytes[character].map { [$0] } ?? [] }, as: UTF8.self)
        }
        return words.joined(separator: " ").trimmingCharacters(in: .whitespaces)
    }
}
