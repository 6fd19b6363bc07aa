/// An inclusive range of exact numbers: first value, distance and number of values.
struct ExactRange: Equatable {
    private let from: ExactNumber
    private let step: ExactNumber
    /// Number of values, at least 1.
    let count: Int

    /// - Throws: When the steps from `from` do not land on `to`.
    init(key: String, from: ExactNumber, to: ExactNumber, step: ExactNumber) throws(SweepProblem) {
        guard step.billionths > 0 else { throw .stepNotPositive(key: key, "\(step)") }
        guard from <= to else { throw .rangeDescends(key: key, from: "\(from)", to: "\(to)") }
        let (steps, rest) = (to.billionths - from.billionths).quotientAndRemainder(dividingBy: step.billionths)
        guard rest == 0 else {
            let last = ExactNumber(billionths: to.billionths - rest)
            let next = ExactNumber(billionths: last.billionths + step.billionths)
            throw .stepMissesEnd(key: key, last: "\(last)", next: "\(next)", to: "\(to)")
        }
        self.from = from
        self.step = step
        count = Int(clamping: steps + 1)
    }

    /// - Throws: When `count` evenly spaced values have more decimal places than are kept.
    init(key: String, from: ExactNumber, to: ExactNumber, count: ExactNumber, isWhole: Bool) throws(SweepProblem) {
        guard count.isWhole else { throw .notWhole(key: "count", "\(count)") }
        guard from <= to else { throw .rangeDescends(key: key, from: "\(from)", to: "\(to)") }
        let gaps = count.whole - 1
        guard gaps > 0 || (gaps == 0 && from == to) else { throw .countTooSmall(key: key, "\(count)") }
        self.from = from
        self.count = Int(clamping: count.whole)
        guard gaps > 0 else {
            step = ExactNumber(billionths: 0)
            return
        }
        let (distance, rest) = (to.billionths - from.billionths).quotientAndRemainder(dividingBy: gaps)
        step = ExactNumber(billionths: distance)
        guard rest == 0, step.isWhole || !isWhole else {
            throw .countInexact(key: key, from: "\(from)", to: "\(to)", count: "\(count)")
        }
    }

    /// The values in ascending order.
    var values: [ExactNumber] {
        (0..<count).map { ExactNumber(billionths: from.billionths + Int128($0) * step.billionths) }
    }
}
