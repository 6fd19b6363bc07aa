/// A prompt that changes on the way: `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b]` of A1111's dialect.
///
/// What does not fit together (a bracket that is never closed, a time that is no number) is left in the text as it stands.
struct PromptSchedule: Sendable {
    private let nodes: [Node]

    private indirect enum Node: Sendable {
        case text(String)
        /// One text for the first steps, another for the rest.
        case change(before: [Node], after: [Node], at: Time)
        /// One text after the other, a step each.
        case turns([[Node]])
    }

    /// When a prompt changes.
    private enum Time: Sendable {
        case step(Int)
        case share(Double)

        /// The last step, from 1, of the text before.
        func lastStep(of steps: Int) -> Int {
            switch self {
            case .step(let step): min(step, steps)
            case .share(let share): min(Int(share * Double(steps)), steps)
            }
        }
    }

    init(_ prompt: String) {
        var parser = Parser(prompt)
        nodes = parser.parse()
    }

    /// The texts of a run, each with the first step, from 0, that it no longer holds for.
    func texts(steps: Int) -> [(end: Int, text: String)] {
        var texts: [(end: Int, text: String)] = []
        for step in 1...max(steps, 1) {
            let text = Self.text(nodes, at: step, of: steps)
            if let last = texts.last, last.text == text {
                texts[texts.count - 1].end = step
            } else {
                texts.append((step, text))
            }
        }
        return texts
    }

    private static func text(_ nodes: [Node], at step: Int, of steps: Int) -> String {
        nodes.reduce(into: "") { text, node in
            switch node {
            case .text(let part): text += part
            case .change(let before, let after, let time):
                text += self.text(step <= time.lastStep(of: steps) ? before : after, at: step, of: steps)
            case .turns(let parts): text += self.text(parts[(step - 1) % parts.count], at: step, of: steps)
            }
        }
    }

    /// Reads nested brackets, once from left to right.
    private struct Parser {
        private let characters: [Character]
        private var place = 0

        /// Deeper brackets are text, so that no prompt can exhaust the stack.
        private static let deepest = 64

        /// What encloses a place.
        private struct Scope {
            var isInBracket = false
            var isInParenthesis = false
            /// Whether a bracket does so directly, so that `:` and `|` divide.
            var divides = false
            var depth = 0
        }

        init(_ prompt: String) {
            characters = Array(prompt)
        }

        mutating func parse() -> [Node] {
            sequence(Scope())
        }

        /// Reads on to what ends the scope, which is left in place.
        private mutating func sequence(_ scope: Scope) -> [Node] {
            var nodes: [Node] = []
            var text = ""
            while place < characters.count {
                let character = characters[place]
                if character == "]" && scope.isInBracket || character == ")" && scope.isInParenthesis { break }
                if scope.divides, character == ":" || character == "|" { break }
                place += 1
                switch character {
                case "\\" where place < characters.count:
                    text += String([character, characters[place]])
                    place += 1
                case "(" where scope.depth < Self.deepest, "[" where scope.depth < Self.deepest:
                    nodes.append(.text(text))
                    text = ""
                    nodes += character == "(" ? parenthesis(scope) : bracket(scope)
                default: text.append(character)
                }
            }
            return nodes + [.text(text)]
        }

        private mutating func parenthesis(_ scope: Scope) -> [Node] {
            let inner = sequence(
                Scope(isInBracket: scope.isInBracket, isInParenthesis: true, depth: scope.depth + 1))
            guard place < characters.count, characters[place] == ")" else { return [.text("(")] + inner }
            place += 1
            return [.text("(")] + inner + [.text(")")]
        }

        private mutating func bracket(_ scope: Scope) -> [Node] {
            var parts: [[Node]] = []
            var dividers: [Character] = []
            while true {
                parts.append(
                    sequence(
                        Scope(
                            isInBracket: true, isInParenthesis: scope.isInParenthesis, divides: true,
                            depth: scope.depth + 1)))
                guard place < characters.count, characters[place] == ":" || characters[place] == "|" else { break }
                dividers.append(characters[place])
                place += 1
            }
            guard place < characters.count, characters[place] == "]" else {
                return [.text("[")] + Self.joined(parts, dividers)
            }
            place += 1
            if let change = Self.change(parts, dividers) { return [change] }
            if !dividers.isEmpty, dividers.allSatisfy({ $0 == "|" }) { return [.turns(parts)] }
            return [.text("[")] + Self.joined(parts, dividers) + [.text("]")]
        }

        /// `[to:when]` or `[from:to:when]`; a `|` in it is text.
        private static func change(_ parts: [[Node]], _ dividers: [Character]) -> Node? {
            guard dividers.last == ":", let time = time(parts[parts.count - 1]) else { return nil }
            var texts = [parts[0]]
            for (part, divider) in zip(parts.dropFirst(), dividers).dropLast() {
                if divider == ":" { texts.append(part) } else { texts[texts.count - 1] += [.text("|")] + part }
            }
            switch texts.count {
            case 1: return .change(before: [], after: texts[0], at: time)
            case 2: return .change(before: texts[0], after: texts[1], at: time)
            default: return nil
            }
        }

        /// A number with a point is a share of the steps, another is a step.
        private static func time(_ nodes: [Node]) -> Time? {
            guard nodes.count == 1, case .text(let text) = nodes[0] else { return nil }
            let digits = text.filter { $0 != " " }
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) else {
                return nil
            }
            if !digits.contains(".") { return Int(digits).map(Time.step) }
            return Double(digits).flatMap { $0 <= 1000 ? .share($0) : nil }
        }

        private static func joined(_ parts: [[Node]], _ dividers: [Character]) -> [Node] {
            parts[0] + zip(dividers, parts.dropFirst()).flatMap { [.text(String($0))] + $1 }
        }
    }
}
