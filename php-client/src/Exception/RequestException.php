<?php

declare(strict_types=1);

namespace Hawser\Exception;

use Psr\Http\Client\RequestExceptionInterface;

/**
 * The request cannot be sent as it is: a part of it is not valid, too large, or not supported on this path.
 */
class RequestException extends ExchangeException implements RequestExceptionInterface {}
