/// The keys of one `config.json`, read with checks that name the file and the key.
///
/// A null counts as absent, as it does in the libraries that write these files, and an absent key has the default that
/// those libraries give it.
struct ConfigFile {
    let path: String
    private let values: [String: JSONValue]

    init(path: String) throws(DiffusionError) {
        self.init(path: path, values: try JSONFile.decode([String: JSONValue].self, path: path, as: "an object"))
    }

    /// What a `config.json` would say of a model that was saved without one; `path` is the model's file.
    init(path: String, values: [String: JSONValue]) {
        self.path = path
        self.values = values
    }

    /// An error about a key of this file; `problem` completes a sentence that begins with the key.
    func invalid(_ key: String, _ problem: String) -> DiffusionError {
        .invalidConfig(path: path, key: key, problem: problem)
    }

    /// The value of a key unless it is absent or null.
    private func value(_ key: String) -> JSONValue? {
        values[key].flatMap { $0 == .null ? nil : $0 }
    }

    /// Whether a key is there with a value other than null.
    func has(_ key: String) -> Bool {
        value(key) != nil
    }

    /// Whether a key is there, but null.
    func isNull(_ key: String) -> Bool {
        values[key] == .null
    }

    /// A whole number within `range`.
    func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws(DiffusionError) -> Int
    {
        guard let value = value(key) ?? fallback.map(JSONValue.integer) else { throw invalid(key, "is missing") }
        return try integer(value, key: key, in: range)
    }

    private func integer(_ value: JSONValue, key: String, in range: ClosedRange<Int>) throws(DiffusionError) -> Int {
        guard case .integer(let integer) = value, range.contains(integer) else {
            throw invalid(
                key, "must be a whole number from \(range.lowerBound) to \(range.upperBound), but is \(value)")
        }
        return integer
    }

    /// A list of whole numbers within `range`.
    func integers(_ key: String, in range: ClosedRange<Int>, counts: ClosedRange<Int>) throws(DiffusionError) -> [Int] {
        guard let value = value(key) else { throw invalid(key, "is missing") }
        return try integers(value, key: key, in: range, counts: counts)
    }

    /// Whole numbers for `count` blocks, written as a list or as one number that goes for all.
    func integersPerBlock(
        _ key: String, in range: ClosedRange<Int>, count: Int, default fallback: Int
    ) throws(DiffusionError) -> [Int] {
        let value = value(key) ?? .integer(fallback)
        guard case .array = value else {
            return try Array(repeating: integer(value, key: key, in: range), count: count)
        }
        return try integers(value, key: key, in: range, counts: count...count)
    }

    /// Whole numbers for the layers of each block, of which there are `counts`: one number that goes for all, a list with one
    /// for each block, or a list of lists.
    func integersPerLayer(
        _ key: String, in range: ClosedRange<Int>, counts: [Int], default fallback: Int
    ) throws(DiffusionError) -> [[Int]] {
        let value = value(key) ?? .integer(fallback)
        var blocks = Array(repeating: value, count: counts.count)
        if case .array(let elements) = value {
            guard elements.count == counts.count else {
                throw invalid(key, "must be a list for \(counts.count) blocks, but is \(value)")
            }
            blocks = elements
        }
        var integers: [[Int]] = []
        for (block, count) in zip(blocks, counts) {
            if case .array = block {
                try integers.append(self.integers(block, key: key, in: range, counts: count...count))
            } else {
                try integers.append(Array(repeating: integer(block, key: key, in: range), count: count))
            }
        }
        return integers
    }

    /// Whether a key's value is a list that holds lists.
    func isNested(_ key: String) -> Bool {
        guard case .array(let elements) = value(key) else { return false }
        return elements.contains { if case .array = $0 { true } else { false } }
    }

    private func integers(
        _ value: JSONValue, key: String, in range: ClosedRange<Int>, counts: ClosedRange<Int>
    ) throws(DiffusionError) -> [Int] {
        guard case .array(let elements) = value, counts.contains(elements.count) else {
            let length =
                counts.lowerBound == counts.upperBound ? "\(counts.lowerBound)" : "at most \(counts.upperBound)"
            throw invalid(key, "must be a list of \(length) numbers, but is \(value)")
        }
        var integers: [Int] = []
        for element in elements { try integers.append(integer(element, key: key, in: range)) }
        return integers
    }

    /// A finite number within `range`.
    func number(_ key: String, in range: ClosedRange<Double>, default fallback: Double) throws(DiffusionError) -> Double
    {
        let number: Double
        switch value(key) ?? .number(fallback) {
        case .integer(let integer): number = Double(integer)
        case .number(let double): number = double
        case let other: throw invalid(key, "must be a number, but is \(other)")
        }
        guard range.contains(number) else {
            throw invalid(key, "must be a number from \(range.lowerBound) to \(range.upperBound), but is \(number)")
        }
        return number
    }

    /// A Boolean.
    func bool(_ key: String, default fallback: Bool) throws(DiffusionError) -> Bool {
        guard let value = value(key) else { return fallback }
        guard case .bool(let bool) = value else { throw invalid(key, "must be true or false, but is \(value)") }
        return bool
    }

    /// A string, or `nil` when the key is absent.
    func string(_ key: String) throws(DiffusionError) -> String? {
        guard let value = value(key) else { return nil }
        guard case .string(let string) = value else { throw invalid(key, "must be a string, but is \(value)") }
        return string
    }

    /// Whether a key's value is a list of nothing but nulls: a part that a pipeline was saved without.
    func isListOfNulls(_ key: String) -> Bool {
        guard case .array(let elements) = value(key) else { return false }
        return elements.allSatisfy { $0 == .null }
    }

    /// A string that is the raw value of one of a type's cases.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default fallback: Choice? = nil
    ) throws(DiffusionError) -> Choice {
        guard let value = value(key) ?? fallback.map({ .string($0.rawValue) }) else { throw invalid(key, "is missing") }
        return try choice(value, key: key)
    }

    /// A list of `count` strings that each are the raw value of one of a type's cases.
    func choices<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, count: Int
    ) throws(DiffusionError) -> [Choice] {
        guard let value = value(key) else { throw invalid(key, "is missing") }
        guard case .array(let elements) = value, elements.count == count else {
            throw invalid(key, "must list one type for each of the \(count) blocks, but is \(value)")
        }
        var choices: [Choice] = []
        for element in elements { try choices.append(choice(element, key: key)) }
        return choices
    }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ value: JSONValue, key: String
    ) throws(DiffusionError) -> Choice {
        guard case .string(let string) = value, let choice = Choice(rawValue: string) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            throw invalid(key, "must be \(known), but is \(value)")
        }
        return choice
    }

    /// Makes sure that a key is absent, null or one of the values that change nothing.
    func refuse(_ key: String, unless neutral: JSONValue...) throws(DiffusionError) {
        guard let value = value(key), !neutral.contains(value) else { return }
        throw invalid(key, "asks for \(value), which is not supported")
    }

    /// Makes sure that each key is absent or null.
    func refuse(_ keys: [String]) throws(DiffusionError) {
        for key in keys { try refuse(key) }
    }

    /// Makes sure that the file configures the class it should, when it says so.
    func require(_ key: String, is name: String) throws(DiffusionError) {
        guard let value = value(key), value != .string(name) else { return }
        throw invalid(key, "is \(value), but only \"\(name)\" is supported")
    }
}
