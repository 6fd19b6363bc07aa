import Diffusion

/// Where the time of a row's steps goes, without the first, in which weights are read.
struct StepBreakdown {
    /// What one kind of operation takes in a step.
    struct Line: Encodable {
        let operation: String
        let calls: Int
        let seconds: Double
        /// Of all that was timed.
        let share: Double
        /// Of the direct way; fast convolutions multiply less.
        let gigaflopsPerSecond: Double

        var text: String {
            let speed = gigaflopsPerSecond > 0 ? ", \(Int(gigaflopsPerSecond)) GFLOP/s" : ""
            return "\(operation): \(ProgressText.rounded(seconds * 1000)) ms in \(calls) calls, "
                + "\(ProgressText.rounded(share * 100)) %\(speed)"
        }
    }

    private typealias Work = [TimedDevice.Operation: TimedDevice.Work]

    private let device: TimedDevice
    private var first: Work?
    private var last: Work?
    private var steps = 0

    init(device: TimedDevice) {
        self.device = device
    }

    /// Takes down what has been done when a step ends; rows after the first are not looked at.
    mutating func note(step: Int, of total: Int) {
        guard last == nil else { return }
        if step == 1 { first = device.work }
        if step == total, total > 1 { (last, steps) = (device.work, total - 1) }
    }

    /// By the time that they take; empty for a single step.
    var lines: [Line] {
        guard let first, let last else { return [] }
        let work = last.merging(first) { end, start in end.since(start) }
        let total = work.values.reduce(0) { $0 + $1.seconds }
        let done = work.filter { $0.value.calls > 0 }.sorted { $0.value.seconds > $1.value.seconds }
        return done.map { operation, work in
            Line(
                operation: operation.rawValue, calls: work.calls / steps, seconds: work.seconds / Double(steps),
                share: work.seconds / total,
                gigaflopsPerSecond: work.seconds > 0 ? work.gigaflops / work.seconds : 0)
        }
    }
}
