<?php

declare(strict_types=1);

namespace Hawser;

/**
 * What happens to a request while the broker is away.
 */
enum Fallback: string
{
    /** It goes to the origin by curl, without the broker. */
    case Direct = 'direct';

    /** It fails with a BrokerUnavailableException. */
    case Fail = 'fail';
}
