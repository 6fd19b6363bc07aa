/// Lanes that share the processor's threads, and the cells of a batch.
///
/// A small network does not keep several threads busy together: each of its hundreds of operations ends when the slowest
/// thread does. Lanes wait for each other at the end of a batch, when all its cells are decoded by whoever is free. What a device computes does not depend on its threads, so that no
/// bit of a picture does.
final class LaneTeam {
    private let lanes: [Lane]

    /// - Parameters:
    ///   - count: How many lanes.
    ///   - threads: What they share.
    ///   - makePainter: Makes the painter of a lane, on its thread, with so many threads for its operations.
    init(_ count: Int, threads: Int, makePainter: @escaping @Sendable (_ threads: Int) throws -> Painter) {
        lanes = (0..<count).map { lane in
            // The first lanes have the threads that are left over.
            let share = (lane + 1) * threads / count - lane * threads / count
            return Lane { try makePainter(max(share, 1)) }
        }
    }

    /// As ``Painter/paint(_:with:for:)``, with the cells spread over the lanes; the audience is told on this thread.
    ///
    /// A lane that fails does not keep the others from ending their part.
    func paint(_ indices: [Int], with work: SharedWork, for audience: any PaintAudience) throws -> Bool {
        let parts = indices.evenParts(lanes.count)
        let events = Mailbox<(lane: Int, event: LaneDesk.Event)>()
        let answers = parts.map { _ in Mailbox<Bool>() }
        let denoised = Mailbox<DenoisedCell>(writers: parts.count)
        for (number, part) in parts.enumerated() {
            let desk = LaneDesk(lane: number, events: events, answers: answers[number])
            lanes[number].take(
                Lane.Job(indices: part, work: work, lanes: parts.count, denoised: denoised, desk: desk))
        }
        var course = Course(lanes: parts.count)
        while course.atWork > 0, let (lane, event) = events.next() {
            if let answer = course.note(event, of: lane, for: audience) { answers[lane].put(answer) }
        }
        if let failure = course.failure { throw failure }
        return course.goesOn
    }
}

/// How the lanes have come along with a batch.
private struct Course {
    /// Lanes that have not ended.
    private(set) var atWork: Int
    private(set) var goesOn = true
    /// The first error.
    private(set) var failure: (any Error)?
    /// The last step of each lane, and the one that the audience has heard of.
    private var steps: [Int]
    private var told = 0

    init(lanes: Int) {
        atWork = lanes
        steps = Array(repeating: 0, count: lanes)
    }

    /// Tells the audience what is news to it: the lanes have done a step when the last of them has.
    ///
    /// - Returns: What the lane waits to hear.
    mutating func note(_ event: LaneDesk.Event, of lane: Int, for audience: any PaintAudience) -> Bool? {
        switch event {
        case .previewWanted: return goesOn && audience.wantsPreview()
        case .step(let step, let latents):
            steps[lane] = step
            let common = steps.min() ?? step
            guard goesOn, common > told || latents != nil else { return goesOn }
            told = common
            attempt { try audience.goesOn(after: common, showing: latents) }
            return goesOn
        case .image(let image):
            guard goesOn else { return false }
            attempt {
                try audience.take(image)
                return true
            }
            return goesOn
        case .ended(let error):
            atWork -= 1
            // A lane that has ended holds up no step.
            steps[lane] = .max
            if let error, !(error is LaneDesk.Stopped), failure == nil { failure = error }
            return nil
        }
    }

    /// What the audience refuses, and where it fails, ends the batch on all lanes.
    private mutating func attempt(_ tell: () throws -> Bool) {
        do {
            goesOn = try tell()
        } catch {
            failure = failure ?? error
            goesOn = false
        }
    }
}

extension Array {
    /// Neighbours in at most so many parts, whose sizes differ by one at most; no part is empty.
    func evenParts(_ most: Int) -> [[Element]] {
        let count = Swift.min(most, self.count)
        return (0..<count).map { Array(self[($0 * self.count / count)..<(($0 + 1) * self.count / count)]) }
    }
}
