import SharedModel
import Worker

/// Prints what a worker does: one line for what a person may want to know, and a count that is rewritten on a terminal.
///
/// No service of a group: the events end with the worker, and a group stops its services one after the other.
struct WorkerReporter {
    let events: AsyncStream<WorkerEvent>
    /// Whether every image gets its lines, with the whole key of its cell.
    var isVerbose = false

    func run() async {
        var delivered = 0
        var isCounting = false
        for await event in events {
            if case .delivered(_, .stored, _) = event { delivered += 1 }
            if isVerbose, let line = Self.detail(event) {
                Console.note(line)
            } else if case .delivered(_, .stored, _) = event {
                guard Console.isTerminal else { continue }
                Console.rewrite(Self.count(delivered))
                isCounting = true
            } else if let line = Self.line(event) {
                if isCounting { Console.note("") }
                isCounting = false
                Console.note(line)
            }
        }
        if isCounting { Console.note("") }
        Console.print("\(Self.count(delivered)).")
    }

    private static func count(_ delivered: Int) -> String {
        "\(delivered) \(delivered == 1 ? "image" : "images") rendered and delivered"
    }

    /// What happened to an image in words; `nil` for other events.
    private static func detail(_ event: WorkerEvent) -> String? {
        switch event {
        case .rendered(let cell, let timings):
            "\(cell) rendered in "
                + "\(ProgressText.rounded(timings.encode + timings.denoise + timings.decode + timings.png)) s"
        case .delivered(let cell, .stored, _): "\(cell) stored"
        case .delivered(let cell, .duplicate, _): "\(cell) was there already"
        default: nil
        }
    }

    /// What an event is in words; `nil` where it is of no interest by itself.
    static func line(_ event: WorkerEvent) -> String? {
        switch event {
        case .recovered(0), .connecting, .granted, .progressed, .rendered: nil
        case .recovered(let images): "\(images) finished images of an earlier run will be offered first."
        case .joined(let sweep, let name): "Joined the sweep \(sweep) as \(name)."
        case .disconnected(let reason, let wait):
            "Not connected (\(reason)); trying again in \(ProgressText.rounded(wait / .seconds(1))) s."
        case .delivered(_, .stored, _), .delivered(_, .duplicate, _): nil
        case .delivered(let cell, let outcome, let reason):
            "The image of cell \(cell.hex.prefix(10)) is \(outcome.rawValue): \(reason)"
        case .failed(let cell, let reason): "Cell \(cell.hex.prefix(10)) failed: \(reason)"
        case .idle(let reason): "Idle: \(reason)"
        case .fetchingModel(let name, let bytes):
            "Fetching the model \(name) from the coordinator, \(max(bytes >> 20, 1)) MiB."
        case .lost: "The coordinator gave a lease to another worker."
        case .trouble(let problem): problem
        case .ending(let reason): "Ending: \(reason)"
        }
    }
}
