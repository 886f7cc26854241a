<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * Too many exchanges already wait for this origin, or this one waited too long for room.
 */
final class QueueFullException extends NetworkException {}
