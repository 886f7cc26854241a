<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * Numbers of wire version 1: docs/protocol/wire-protocol.md is their specification. Constants and not an enum, because
 * they are compared with integers just decoded.
 *
 * @internal
 */
final class FrameType
{
    public const HELLO = 1;
    public const WELCOME = 2;
    public const REQUEST = 3;
    public const RESPONSE = 4;
    public const DATA = 5;
    public const END = 6;
    public const WINDOW = 7;
    public const CANCEL = 8;
    public const INFORMATIONAL = 9;
    public const ERROR = 10;
    public const PING = 11;
    public const PONG = 12;
    public const GOAWAY = 13;
}
