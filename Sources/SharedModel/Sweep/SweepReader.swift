import Foundation

/// Turns the values of a sweep file into axes; `nil` stands for a key that the file does not have.
struct SweepReader {
    let document: SweepDocument
    /// Where style files are looked for.
    let folder: URL

    func name() throws(SharedModelError) -> String? {
        guard let value = try single(.name) else { return nil }
        try check(value, key: .name, limit: Sweep.maximumNameBytes)
        guard !value.text.allSatisfy(\.isWhitespace) else {
            throw document.error(.blankText(key: Sweep.Key.name.rawValue), at: value.line)
        }
        guard WireText.isPrintable(value.text, longest: Sweep.maximumNameBytes) else {
            throw document.error(.notALine(key: Sweep.Key.name.rawValue), at: value.line)
        }
        return value.text
    }

    func models() throws(SharedModelError) -> [String] {
        guard let values = try values(.model) else { throw missing(.model, example: "model: tmdne-tiny") }
        return try texts(values, key: .model, limit: Sweep.maximumPathBytes)
    }

    func prompts() throws(SharedModelError) -> [String] {
        guard let values = try values(.prompts) else {
            throw missing(.prompts, example: "prompts: a mathematician at a blackboard")
        }
        return try texts(values, key: .prompts, limit: Sweep.maximumTextBytes)
    }

    func negativePrompts() throws(SharedModelError) -> [String]? {
        guard let values = try values(.negativePrompt) else { return nil }
        return try texts(values, key: .negativePrompt, limit: Sweep.maximumTextBytes)
    }

    func sizes() throws(SharedModelError) -> [ImageSize] {
        guard let values = try values(.size) else { throw missing(.size, example: "size: 512x512") }
        return try each(values) { value throws(SweepProblem) in try ImageSize(value.text) }
    }

    func samplers() throws(SharedModelError) -> [SamplerName]? {
        let samplers: [(name: SamplerName, line: Int?)]
        if let values = try values(.sampler) {
            let names = try each(values) { value throws(SweepProblem) in try SamplerName(named: value.text) }
            samplers = Array(zip(names, values.map(\.line)))
        } else {
            samplers = []
        }
        guard let values = try values(.schedule) else { return samplers.isEmpty ? nil : samplers.map(\.name) }
        let schedules = try each(values) { value throws(SweepProblem) in
            try choice(value, key: .schedule) as ScheduleName
        }
        let methods = samplers.isEmpty ? [(name: Sweep.defaultScheduledSampler, line: nil)] : samplers
        var combined: [SamplerName] = []
        for (name, line) in methods {
            for schedule in schedules {
                do throws(SweepProblem) {
                    combined.append(try name.with(schedule))
                } catch {
                    throw document.error(error, at: line)
                }
            }
        }
        return combined
    }

    func preview() throws(SharedModelError) -> String? {
        guard let value = try single(.preview) else { return nil }
        return try texts([value], key: .preview, limit: Sweep.maximumPathBytes)[0]
    }

    func styles() throws(SharedModelError) -> [Style]? {
        var library = StyleLibrary()
        if let files = try values(.styleFiles) {
            for path in try texts(files, key: .styleFiles, limit: Sweep.maximumPathBytes) {
                try library.add(fileAt: URL(fileURLWithPath: path, relativeTo: folder).path)
            }
        }
        guard let values = try values(.styles) else { return nil }
        return try each(values) { value throws(SweepProblem) in try library.style(named: value.text) }
    }

    func steps() throws(SharedModelError) -> [Int]? {
        try numbers(.steps, within: Sweep.stepsBounds)?.map { Int(clamping: $0.whole) }
    }

    func seeds() throws(SharedModelError) -> [UInt64]? {
        try numbers(.seed, within: UInt64.min...UInt64.max)?.map { UInt64(clamping: $0.whole) }
    }

    func guidance() throws(SharedModelError) -> [Decimal]? {
        try numbers(.guidance, within: Sweep.guidanceBounds, isWhole: false)?.map(\.decimal)
    }

    func shardSize() throws(SharedModelError) -> Int? {
        guard try single(.shardSize) != nil else { return nil }
        return try numbers(.shardSize, within: Sweep.shardSizeBounds)?.first.map { Int(clamping: $0.whole) }
    }
}

extension SweepReader {
    /// The values of a key that takes plain values only.
    func values(_ key: Sweep.Key) throws(SharedModelError) -> [SweepDocument.Scalar]? {
        guard let items = try document.items(key) else { return nil }
        var scalars: [SweepDocument.Scalar] = []
        for item in items {
            guard case .scalar(let scalar) = item else {
                throw document.error(.notAValue(key: key.rawValue), at: item.line)
            }
            scalars.append(scalar)
        }
        return scalars
    }

    private func single(_ key: Sweep.Key) throws(SharedModelError) -> SweepDocument.Scalar? {
        guard let values = try values(key) else { return nil }
        guard values.count == 1 else { throw document.error(.notOneValue(key: key.rawValue), at: values.first?.line) }
        return values.first
    }

    func texts(
        _ values: [SweepDocument.Scalar], key: Sweep.Key, limit: Int
    ) throws(SharedModelError) -> [String] {
        for value in values {
            try check(value, key: key, limit: limit)
        }
        return values.map(\.text)
    }

    func check(_ value: SweepDocument.Scalar, key: Sweep.Key, limit: Int) throws(SharedModelError) {
        guard !value.isBlank else { throw document.error(.blankText(key: key.rawValue), at: value.line) }
        do throws(SweepProblem) {
            try Sweep.check(value.text, key: key.rawValue, limit: limit)
        } catch {
            throw document.error(error, at: value.line)
        }
    }

    /// The numbers and the numbers of the ranges of a key, in order.
    func numbers<Bound: BinaryInteger>(
        _ key: Sweep.Key, within bounds: ClosedRange<Bound>, isWhole: Bool = true
    ) throws(SharedModelError) -> [ExactNumber]? {
        guard let items = try document.items(key) else { return nil }
        var numbers: [ExactNumber] = []
        for item in items {
            do throws(SweepProblem) {
                let check = { (number: ExactNumber) throws(SweepProblem) in
                    try self.check(number, key: key, within: bounds, isWhole: isWhole)
                }
                switch item {
                case .scalar(let scalar):
                    numbers.append(try check(ExactNumber(scalar.text, key: key.rawValue)))
                case .range(let parts, _):
                    let range = try self.range(parts, key: key, isWhole: isWhole, check: check)
                    let (count, overflow) = numbers.count.addingReportingOverflow(range.count)
                    guard !overflow, count <= Sweep.maximumPositions else {
                        throw .tooManyPositions(atLeast: range.count, limit: Sweep.maximumPositions)
                    }
                    numbers += range.values
                case .list, .other:
                    throw .notAValue(key: key.rawValue)
                }
            } catch {
                throw document.error(error, at: item.line)
            }
        }
        return numbers
    }

    private func range(
        _ parts: [String: String], key: Sweep.Key, isWhole: Bool,
        check: (ExactNumber) throws(SweepProblem) -> ExactNumber
    ) throws(SweepProblem) -> ExactRange {
        guard parts.count == 3, let from = parts["from"], let to = parts["to"] else {
            throw .rangeKeys(key: key.rawValue)
        }
        let first = try check(ExactNumber(from, key: key.rawValue))
        let last = try check(ExactNumber(to, key: key.rawValue))
        if let step = parts["step"] {
            let distance = try ExactNumber(step, key: key.rawValue)
            guard distance.isWhole || !isWhole else { throw .notWhole(key: key.rawValue, step) }
            return try ExactRange(key: key.rawValue, from: first, to: last, step: distance)
        }
        guard let count = parts["count"] else { throw .rangeKeys(key: key.rawValue) }
        return try ExactRange(
            key: key.rawValue, from: first, to: last, count: ExactNumber(count, key: "count"), isWhole: isWhole)
    }

    private func check<Bound: BinaryInteger>(
        _ number: ExactNumber, key: Sweep.Key, within bounds: ClosedRange<Bound>, isWhole: Bool
    ) throws(SweepProblem) -> ExactNumber {
        guard number.isWhole || !isWhole else { throw .notWhole(key: key.rawValue, "\(number)") }
        let lower = Int128(bounds.lowerBound) * ExactNumber.unit
        let upper = Int128(bounds.upperBound) * ExactNumber.unit
        guard (lower...upper).contains(number.billionths) else {
            throw .outOfBounds(
                key: key.rawValue, "\(number)", lower: "\(bounds.lowerBound)", upper: "\(bounds.upperBound)")
        }
        return number
    }

    func each<Value>(
        _ values: [SweepDocument.Scalar], _ convert: (SweepDocument.Scalar) throws(SweepProblem) -> Value
    ) throws(SharedModelError) -> [Value] {
        var converted: [Value] = []
        converted.reserveCapacity(values.count)
        for value in values {
            do throws(SweepProblem) {
                converted.append(try convert(value))
            } catch {
                throw document.error(error, at: value.line)
            }
        }
        return converted
    }

    private func missing(_ key: Sweep.Key, example: String) -> SharedModelError {
        document.error(.missingKey(key.rawValue, example: example), at: nil)
    }
}
