import SharedModel

/// A sweep's progress in words, for a bar that is redrawn and for plain lines.
enum ProgressText {
    /// `[########----] 120 of 336 · 84.0 images/min · 2 min left · 1 failed`, at most about 80 columns.
    static func bar(_ status: SweepStatus, width: Int = 24) -> String {
        let finished = min(status.done + status.failed, status.cells)
        let filled = status.cells > 0 ? width * finished / status.cells : width
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        return "[\(bar)] \(line(status))"
    }

    /// `[######------------------]  25 %`
    static func bar(share: Double, width: Int = 24) -> String {
        let filled = Int((share * Double(width)).rounded())
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        return "[\(bar)] \(Int((share * 100).rounded())) %"
    }

    static func line(_ status: SweepStatus) -> String {
        var parts = ["\(status.done) of \(status.cells)"]
        if let rate = status.imagesPerMinute { parts.append("\(rounded(rate)) images/min") }
        switch status.state {
        case .running: parts.append(status.etaSeconds.map { "\(duration($0)) left" } ?? "time left not known yet")
        case .paused: parts.append("paused")
        case .draining: parts.append("draining")
        case .diskFull: parts.append("disk full")
        case .stopped: parts.append("stopped")
        case .done: break
        }
        if status.failed > 0 { parts.append("\(status.failed) failed") }
        if let message = status.message { parts.append(message) }
        return parts.joined(separator: " · ")
    }

    /// One decimal below 100, none above.
    static func rounded(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "?" }
        guard abs(value) < 100 else { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`: as exact as an estimate is.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "?" }
        let whole = Int(seconds.rounded(.up))
        switch whole {
        case ..<90: return "\(whole) s"
        case ..<(90 * 60): return "\((whole + 30) / 60) min"
        case ..<(48 * 3600): return "\(whole / 3600) h \(whole % 3600 / 60) min"
        default: return "\(whole / 86_400) d \(whole % 86_400 / 3600) h"
        }
    }
}
