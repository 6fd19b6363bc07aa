import Foundation

extension SweepReader {
    /// Every combination of the values of the option keys, in the order of the keys here, the last one fastest.
    func options() throws(SharedModelError) -> [RenderOptions] {
        var combinations = Combinations(document: document)
        try combinations.add(choices(.profile), to: \.profile)
        try combinations.add(files(.vae), to: \.vae)
        try combinations.add(loras(), to: \.loras)
        try combinations.add(choices(.predictionType), to: \.predictionType)
        try combinations.add(flags(.zeroTerminalSNR), to: \.zeroTerminalSNR)
        try combinations.add(choices(.promptSyntax), to: \.promptSyntax)
        try combinations.add(choices(.emphasis), to: \.emphasis)
        try combinations.add(
            numbers(.clipSkip, within: RenderOptions.clipSkipBounds)?.map { Int(clamping: $0.whole) }, to: \.clipSkip)
        try combinations.add(choices(.emptyNegative), to: \.emptyNegative)
        try combinations.add(choices(.noiseSource), to: \.noiseSource)
        try combinations.add(choices(.timestepSpacing), to: \.timestepSpacing)
        try combinations.add(choices(.timestepRounding), to: \.timestepRounding)
        try combinations.add(numbers(.eta, within: 0...1, isWhole: false)?.map(\.decimal), to: \.eta)
        try combinations.add(
            numbers(.guidanceRescale, within: 0...1, isWhole: false)?.map(\.decimal), to: \.guidanceRescale)
        try combinations.add(intervals(), to: \.guidanceInterval)
        try combinations.add(choices(.pixelRounding), to: \.pixelRounding)
        return combinations.all
    }

    /// The value among those of a type, by its name.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ value: SweepDocument.Scalar, key: Sweep.Key
    ) throws(SweepProblem) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: value.text) else {
            let names = Choice.allCases.map(\.rawValue)
            let nearest = Nearest.match(for: value.text, among: names)
            throw .unknownChoice(key: key.rawValue, value.text, nearest: nearest, all: names)
        }
        return choice
    }

    private func choices<Choice: RawRepresentable & CaseIterable>(
        _ key: Sweep.Key
    ) throws(SharedModelError) -> [Choice?]? where Choice.RawValue == String {
        guard let values = try values(key) else { return nil }
        return try each(values) { value throws(SweepProblem) in try choice(value, key: key) as Choice }
    }

    private func flags(_ key: Sweep.Key) throws(SharedModelError) -> [Bool?]? {
        guard let values = try values(key) else { return nil }
        return try each(values) { value throws(SweepProblem) in
            guard let flag = Bool(value.text) else {
                throw .unknownChoice(key: key.rawValue, value.text, nearest: nil, all: ["true", "false"])
            }
            return flag
        }
    }

    private func intervals() throws(SharedModelError) -> [GuidanceInterval?]? {
        guard let values = try values(.guidanceInterval) else { return nil }
        return try each(values) { value throws(SweepProblem) in
            value.text == Self.nothing ? nil : try GuidanceInterval(value.text)
        }
    }

    private func files(_ key: Sweep.Key) throws(SharedModelError) -> [String?]? {
        guard let values = try values(key) else { return nil }
        return try texts(values, key: key, limit: Sweep.maximumPathBytes).map { $0 == Self.nothing ? nil : $0 }
    }

    /// What turns an option off inside an axis.
    private static let nothing = "none"

    /// The sets of LoRAs; a plain value is a set of one.
    private func loras() throws(SharedModelError) -> [[RenderOptions.LoRA]?]? {
        guard let items = try document.items(.loras) else { return nil }
        var sets: [[RenderOptions.LoRA]?] = []
        for item in items {
            var members = [item]
            if case .list(let list, _) = item { members = list }
            guard members.count <= RenderOptions.maximumLoRAs else {
                let problem = SweepProblem.tooManyLoRAs(members.count, limit: RenderOptions.maximumLoRAs)
                throw document.error(problem, at: item.line)
            }
            var set: [RenderOptions.LoRA] = []
            for member in members { set.append(try lora(member)) }
            sets.append(set)
        }
        return sets
    }

    /// Reads `NAME:WEIGHT`, or a mapping of `name` and `weight`; without a weight it is 1.
    private func lora(_ item: SweepDocument.Item) throws(SharedModelError) -> RenderOptions.LoRA {
        do throws(SweepProblem) {
            switch item {
            case .scalar(let scalar):
                return try RenderOptions.LoRA(scalar.text)
            case .range(let parts, _):
                guard let name = parts["name"], parts.count == (parts["weight"] == nil ? 1 : 2) else { throw .notALoRA }
                return try RenderOptions.LoRA(file: name, weightText: parts["weight"] ?? "1")
            case .list, .other:
                throw .notALoRA
            }
        } catch {
            throw document.error(error, at: item.line)
        }
    }
}

extension RenderOptions.LoRA {
    /// Reads `NAME:WEIGHT` or `NAME`; a colon with no number behind it belongs to the name.
    package init(_ text: String) throws(SweepProblem) {
        if let colon = text.lastIndex(of: ":"),
            text[text.index(after: colon)...].first.map({ "+-.0123456789".contains($0) }) == true
        {
            try self.init(file: String(text[..<colon]), weightText: String(text[text.index(after: colon)...]))
        } else {
            try self.init(file: text, weightText: "1")
        }
    }

    fileprivate init(file: String, weightText: String) throws(SweepProblem) {
        let key = Sweep.Key.loras.rawValue
        guard !file.isEmpty else { throw .notALoRA }
        try Sweep.check(file, key: key, limit: Sweep.maximumPathBytes)
        let weight = try ExactNumber(weightText, key: key).decimal
        let bounds = RenderOptions.weightBounds
        guard weight >= Decimal(bounds.lowerBound), weight <= Decimal(bounds.upperBound) else {
            throw .outOfBounds(key: key, weightText, lower: "\(bounds.lowerBound)", upper: "\(bounds.upperBound)")
        }
        self.init(file: file, weight: weight)
    }
}

/// The combinations of the values of several keys.
private struct Combinations {
    let document: SweepDocument
    private(set) var all = [RenderOptions()]

    init(document: SweepDocument) {
        self.document = document
    }

    mutating func add<Value>(
        _ values: [Value?]?, to option: WritableKeyPath<RenderOptions, Value?>
    ) throws(SharedModelError) {
        guard let values else { return }
        let (count, overflow) = all.count.multipliedReportingOverflow(by: values.count)
        guard !overflow, count <= Sweep.maximumPositions else {
            let problem = SweepProblem.tooManyPositions(
                atLeast: overflow ? .max : count, limit: Sweep.maximumPositions)
            throw document.error(problem, at: nil)
        }
        all = all.flatMap { options in
            values.map { value in
                var options = options
                options[keyPath: option] = value
                return options
            }
        }
    }
}
