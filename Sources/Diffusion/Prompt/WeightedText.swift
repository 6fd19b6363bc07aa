/// A prompt in pieces of equal weight.
struct WeightedText: Equatable, Sendable {
    enum Piece: Equatable, Sendable {
        case text(String, weight: Double)
        /// The next piece begins a new chunk: `BREAK`.
        case chunkBreak
    }

    private(set) var pieces: [Piece] = []

    private mutating func append(_ text: String, weight: Double) {
        guard !text.isEmpty else { return }
        if case .text(let before, weight)? = pieces.last {
            pieces[pieces.count - 1] = .text(before + text, weight: weight)
        } else {
            pieces.append(.text(text, weight: weight))
        }
    }
}

extension WeightedText {
    /// Reads A1111's dialect: `(x)` weighs 1.1 times as much, `[x]` 1.1 times less, `(x:1.5)` 1.5 times as much, inside of
    /// one another their product; `\(` is a bracket; `BREAK` begins a new chunk. An open bracket acts to the end.
    init(a1111 prompt: String) {
        var runs: [(text: String, weight: Double, isBreak: Bool)] = []
        var parentheses: [Int] = []
        var brackets: [Int] = []
        func multiply(from start: Int, by factor: Double) {
            for index in start..<runs.count where !runs[index].isBreak { runs[index].weight *= factor }
        }
        let characters = Array(prompt)
        var place = 0
        var literal = ""
        func flush() {
            guard !literal.isEmpty else { return }
            let parts = Self.splitAtBreaks(literal)
            for (index, part) in parts.enumerated() {
                if index > 0 { runs.append(("", 1, true)) }
                runs.append((part, 1, false))
            }
            literal = ""
        }
        while place < characters.count {
            let character = characters[place]
            place += 1
            switch character {
            case "\\" where place < characters.count && "()[]\\".contains(characters[place]):
                literal.append(characters[place])
                place += 1
            case "(":
                flush()
                parentheses.append(runs.count)
            case "[":
                flush()
                brackets.append(runs.count)
            case ":" where !parentheses.isEmpty:
                guard let (weight, end) = Self.closingWeight(characters, from: place) else {
                    literal.append(character)
                    continue
                }
                flush()
                multiply(from: parentheses.removeLast(), by: weight)
                place = end
            case ")" where !parentheses.isEmpty:
                flush()
                multiply(from: parentheses.removeLast(), by: Self.step)
            case "]" where !brackets.isEmpty:
                flush()
                multiply(from: brackets.removeLast(), by: 1 / Self.step)
            default: literal.append(character)
            }
        }
        flush()
        for start in parentheses { multiply(from: start, by: Self.step) }
        for start in brackets { multiply(from: start, by: 1 / Self.step) }
        for run in runs {
            if run.isBreak { pieces.append(.chunkBreak) } else { append(run.text, weight: run.weight) }
        }
        if pieces.isEmpty { pieces = [.text("", weight: 1)] }
    }

    private static let step = 1.1

    /// The number before the next `)`, and the place behind that.
    private static func closingWeight(_ characters: [Character], from start: Int) -> (weight: Double, end: Int)? {
        guard let close = characters[start...].firstIndex(of: ")") else { return nil }
        let text = String(characters[start..<close]).filter { !$0.isWhitespace }
        let digits = text.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        guard digits.count + 1 >= text.utf8.count, digits.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            let weight = Double(text), weight.isFinite
        else { return nil }
        return (weight, close + 1)
    }

    /// Divides at the word BREAK; the blanks around it go.
    private static func splitAtBreaks(_ text: String) -> [String] {
        var parts: [String] = []
        var current = text[...]
        while let range = firstBreak(in: current) {
            var before = current[..<range.lowerBound]
            while before.last?.isWhitespace == true { before.removeLast() }
            parts.append(String(before))
            current = current[range.upperBound...].drop(while: \.isWhitespace)
        }
        return parts + [String(current)]
    }

    private static func firstBreak(in text: Substring) -> Range<String.Index>? {
        var rest = text
        while let range = rest.firstRange(of: "BREAK") {
            let isPartOfWord = { (character: Character?) in
                character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
            }
            if !isPartOfWord(text[..<range.lowerBound].last), !isPartOfWord(text[range.upperBound...].first) {
                return range
            }
            rest = rest[range.upperBound...]
        }
        return nil
    }
}

extension WeightedText {
    /// Reads ComfyUI's dialect: `(x)` weighs 1.1 times as much as what is around it, `(x:1.5)` weighs 1.5 whatever is around
    /// it; `\(` is a bracket. A bracket that is not closed is text.
    init(comfyui prompt: String) {
        append(Array(prompt)[...], weight: 1, depth: 0)
        if pieces.isEmpty { pieces = [.text("", weight: 1)] }
    }

    /// Deeper brackets are text, so that no prompt can exhaust the stack.
    private static let deepest = 64

    private mutating func append(_ characters: ArraySlice<Character>, weight: Double, depth: Int) {
        var rest = characters
        while let open = Self.firstPlain("(", in: rest), depth < Self.deepest,
            let close = Self.closing(of: open, in: rest)
        {
            append(Self.unescaped(rest[..<open]), weight: weight)
            var inner = rest[(open + 1)..<close]
            var innerWeight = weight * Self.step
            if let colon = inner.lastIndex(of: ":"), colon > inner.startIndex,
                let explicit = Double(String(inner[(colon + 1)...]).filter { !$0.isWhitespace }), explicit.isFinite
            {
                innerWeight = explicit
                inner = inner[..<colon]
            }
            append(inner, weight: innerWeight, depth: depth + 1)
            rest = rest[(close + 1)...]
        }
        append(Self.unescaped(rest), weight: weight)
    }

    /// The first of a sign that has no backslash before it.
    private static func firstPlain(_ sign: Character, in characters: ArraySlice<Character>) -> Int? {
        characters.indices.first { index in
            characters[index] == sign && !(index > characters.startIndex && characters[index - 1] == "\\")
        }
    }

    private static func closing(of open: Int, in characters: ArraySlice<Character>) -> Int? {
        var depth = 0
        for index in open..<characters.endIndex where index == open || characters[index - 1] != "\\" {
            if characters[index] == "(" { depth += 1 }
            if characters[index] == ")" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    private static func unescaped(_ characters: ArraySlice<Character>) -> String {
        String(characters).replacing("\\(", with: "(").replacing("\\)", with: ")")
    }
}
