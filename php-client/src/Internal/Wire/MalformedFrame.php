<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

use Hawser\Exception\ErrorCode;
use RuntimeException;

/**
 * Octets that are not a frame of wire version 1. The connection they came on is of no use any more.
 *
 * @internal
 */
final class MalformedFrame extends RuntimeException
{
    public function __construct(string $message, public readonly ErrorCode $errorCode = ErrorCode::ProtocolError)
    {
        parent::__construct($message);
    }
}
