/// A weighted text as text encoders read it: chunks of as many tokens as fit, each with a weight.
struct PromptChunks: Equatable, Sendable {
    struct Token: Equatable, Sendable {
        let id: Int32
        let weight: Double
    }

    /// At least one; without start, end and padding.
    private(set) var chunks: [[Token]] = [[]]

    /// Divides as A1111 does: where a chunk is full, what stands behind its last comma moves to the next if that is not much.
    ///
    /// - Parameters:
    ///   - text: The pieces.
    ///   - length: The most tokens of a chunk.
    ///   - comma: The token of a comma.
    ///   - tokenize: The tokens of a text alone.
    init(a1111 text: WeightedText, length: Int, comma: Int32?, tokenize: (String) -> [Int32]) {
        var lastComma: Int?
        var hasEnded = false
        for piece in text.pieces {
            guard case .text(let words, let weight) = piece else {
                chunks.append([])
                lastComma = nil
                hasEnded = true
                continue
            }
            for id in tokenize(words) {
                var full = chunks[chunks.count - 1]
                if id == comma {
                    lastComma = full.count
                } else if full.count == length, let comma = lastComma, full.count - comma <= Self.backtrack {
                    let moved = Array(full[(comma + 1)...])
                    full.removeSubrange((comma + 1)...)
                    chunks[chunks.count - 1] = full
                    chunks.append(moved)
                    lastComma = nil
                }
                if chunks[chunks.count - 1].count == length {
                    chunks.append([])
                    lastComma = nil
                }
                chunks[chunks.count - 1].append(Token(id: id, weight: weight))
                hasEnded = false
            }
        }
        // A break at the end begins nothing.
        if hasEnded, chunks.count > 1 { chunks.removeLast() }
    }

    /// A1111's "comma padding backtrack".
    private static let backtrack = 20

    /// Divides as ComfyUI does: a word goes to the next chunk as a whole, unless it is a long one.
    init(comfyui text: WeightedText, length: Int, tokenize: (String) -> [Int32]) {
        for piece in text.pieces {
            guard case .text(let words, let weight) = piece else { continue }
            for word in words.replacing("\n", with: " ").split(separator: " ") {
                let tokens = tokenize(String(word)).map { Token(id: $0, weight: weight) }
                var rest = tokens[...]
                while chunks[chunks.count - 1].count + rest.count > length {
                    let room = tokens.count >= Self.longWord ? length - chunks[chunks.count - 1].count : 0
                    chunks[chunks.count - 1] += rest.prefix(room)
                    rest = rest.dropFirst(room)
                    guard room > 0 || !chunks[chunks.count - 1].isEmpty else { break }
                    chunks.append([])
                }
                chunks[chunks.count - 1] += rest
            }
        }
    }

    /// Words of so many tokens are divided.
    private static let longWord = 8
}
