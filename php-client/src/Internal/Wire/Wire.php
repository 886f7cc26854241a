<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * The limits of wire version 1 (docs/protocol/wire-protocol.md sections 1 and 2).
 *
 * @internal
 */
final class Wire
{
    public const VERSION = 1;

    /** Longest frame, without its length prefix. */
    public const MAX_FRAME_BYTES = 512 * 1024;

    /** Longest payload of one DATA frame. */
    public const MAX_DATA_BYTES = 64 * 1024;

    /** Request body bytes that may travel before the broker's first WINDOW; what REQUEST carries counts. */
    public const INITIAL_WINDOW_BYTES = 256 * 1024;

    /** A window never grows past this. */
    public const MAX_WINDOW_BYTES = 2 ** 31 - 1;

    /** Lines of one field section. */
    public const MAX_FIELD_LINES = 1000;

    public const MAX_EXCHANGE_ID = 2 ** 32 - 1;

    /** Exchanges open at once until WELCOME says otherwise. */
    public const MAX_EXCHANGES = 256;
}
