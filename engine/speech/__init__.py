"""Speech to a moving face: MeshTalk, streamed."""
