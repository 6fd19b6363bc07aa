import SharedModel
import Worker

extension WorkerEvent {
    /// What a person reads of it; `nil` for the steps of an image, which would be too many lines.
    var line: String? {
        switch self {
        case .recovered(let images): "\(images) finished images of an earlier start are to be delivered."
        case .connecting(let host, let port): "Connecting to \(host), port \(port)."
        case .joined(let sweep, let name): "Joined the sweep \(sweep) as \(name)."
        case .disconnected(let reason, let wait):
            "Disconnected (\(reason)); trying again in \(ProgressText.rounded(wait / .seconds(1))) s."
        case .granted(_, let shard, let cells): "Shard \(shard): \(cells) cells to render."
        case .progressed: nil
        case .rendered(let cell, let timings):
            "\(cell) rendered in "
                + "\(ProgressText.rounded(timings.encode + timings.denoise + timings.decode + timings.png)) s"
        case .delivered(let cell, .stored, _): "\(cell) stored"
        case .delivered(let cell, .duplicate, _): "\(cell) was there already"
        case .delivered(let cell, .refused, let reason): "\(cell) refused: \(reason)"
        case .delivered(let cell, .later, let reason): "\(cell) kept for later: \(reason)"
        case .failed(let cell, let reason): "\(cell) failed: \(reason)"
        case .idle(let reason): "Waiting: \(reason)"
        case .lost: "A lease was lost to another worker; its rest is not rendered here."
        case .trouble(let problem): problem
        case .ending(let reason): "Ending: \(reason)"
        }
    }
}
