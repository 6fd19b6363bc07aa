/// Lanes that share the processor's threads, and the cells of a batch.
///
/// A small network does not keep several threads busy together: each of its hundreds of operations ends when the slowest
/// thread does. Lanes wait for each other only at the end of a batch, and whoever is free decodes what others have denoised.
/// What a device computes does not depend on its threads, so that no bit of a picture does.
final class LaneTeam {
    /// How a batch has ended.
    enum Outcome {
        case done
        /// The audience did not want to go on.
        case stopped
        /// A lane has failed; the others have gone on to their end.
        case failed(any Error, missing: [Int])
    }

    private let lanes: [Lane]

    /// `nil` when the system has no threads left for this process.
    ///
    /// - Parameters:
    ///   - count: How many lanes.
    ///   - threads: What they share.
    ///   - makePainter: Makes the painter of a lane, on its thread, with so many threads for its operations.
    init?(_ count: Int, threads: Int, makePainter: @escaping @Sendable (_ threads: Int) throws -> Painter) {
        var lanes: [Lane] = []
        for number in 0..<count {
            let share = (number + 1) * threads / count - number * threads / count
            guard let lane = Lane(makePainter: { try makePainter(max(share, 1)) }) else { return nil }
            lanes.append(lane)
        }
        self.lanes = lanes
    }

    /// Takes a batch's cells from noise to pictures, spread over the lanes; the audience is told on this thread.
    ///
    /// - Throws: What the audience throws.
    func paint(_ indices: [Int], with work: SharedWork, for audience: any PaintAudience) throws -> Outcome {
        let parts = indices.evenParts(lanes.count)
        let events = Mailbox<(lane: Int, event: LaneDesk.Event)>()
        let answers = parts.map { _ in Mailbox<Bool>() }
        let denoised = Mailbox<DenoisedCell>(writers: parts.count)
        for (number, part) in parts.enumerated() {
            let desk = LaneDesk(lane: number, events: events, answers: answers[number])
            lanes[number].take(
                Lane.Job(indices: part, work: work, lanes: parts.count, denoised: denoised, desk: desk))
        }
        var course = LaneCourse(lanes: parts.count, start: work.start)
        while course.atWork > 0, let (lane, event) = events.next() {
            let answer = course.note(event, of: lane, for: audience)
            if !course.goesOn { denoised.discard() }
            if let answer { answers[lane].put(answer) }
        }
        if let refusal = course.refusal { throw refusal }
        if let failure = course.failure {
            return .failed(failure, missing: indices.filter { !course.taken.contains($0) })
        }
        return course.goesOn ? .done : .stopped
    }
}
