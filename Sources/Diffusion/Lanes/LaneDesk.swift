/// Where a lane tells the engine's thread how its batch goes, and waits for the answer.
struct LaneDesk: PaintAudience, Sendable {
    enum Event: Sendable {
        case previewWanted
        case evaluated(Int, latents: [Float]?)
        case image(RenderedImage)
        /// The lane is through with its batch, or has given up.
        case ended((any Error)?)
    }

    /// Thrown through a batch that the engine's thread wants no more of.
    struct Stopped: Error {}

    /// Counted from 0; the first cell, whose previews are shown, is on lane 0.
    let lane: Int
    let events: Mailbox<(lane: Int, event: Event)>
    let answers: Mailbox<Bool>

    func wantsPreview() -> Bool { lane == 0 && ask(.previewWanted) }

    func goesOn(after evaluation: Int, showing latents: [Float]?) -> Bool {
        ask(.evaluated(evaluation, latents: latents))
    }

    func take(_ image: RenderedImage) throws {
        guard ask(.image(image)) else { throw Stopped() }
    }

    func end(_ error: (any Error)?) { events.put((lane, .ended(error))) }

    private func ask(_ event: Event) -> Bool {
        events.put((lane, event))
        return answers.next() ?? false
    }
}
